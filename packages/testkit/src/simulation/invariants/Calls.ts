/** Reading the calls of a history, and the events of a log by which a simulation knows who appended what: each has a token that no other event has. */
import type { Call, Entry, Event, History, Refused } from "../History.js"
import type { AnswerOf } from "../Recorder.js"

type Named<Name extends Call["call"]> = Extract<Call, { readonly call: Name }>

/** The calls of one name, in the order in which they were sent. */
export const named = <Name extends Call["call"]>(
  { calls }: Pick<History, "calls">,
  name: Name,
): ReadonlyArray<Named<Name>> => calls.filter((call): call is Named<Name> => call.call === name)

/** Whether an answer is a refusal. */
export const isRefused = (answer: unknown): answer is Refused =>
  typeof answer === "object" && answer !== null && "refused" in answer

export interface Accepted<Name extends Call["call"]> {
  readonly call: Named<Name>
  readonly at: number
  readonly answer: AnswerOf<Name>
}

/** What the store accepted of the calls of one name, by the instants at which it did. */
export const accepted = <Name extends Call["call"]>(
  history: Pick<History, "calls">,
  name: Name,
): ReadonlyArray<Accepted<Name>> =>
  named(history, name)
    .flatMap((call) =>
      call.executions.flatMap(({ answer, at }): ReadonlyArray<Accepted<Name>> =>
        isRefused(answer) ? [] : [{ call, at, answer: answer as AnswerOf<Name> }],
      ),
    )
    .sort((a, b) => a.at - b.at)

/** The name of these events. */
const tokenName = "simulation.token"

interface Token {
  readonly token: string
  readonly epoch: number
  readonly eventId: number
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** The value of a CUSTOM event of that name. */
export const valueOf = (
  { name, type, value }: Event,
  wanted: string,
): Readonly<Record<string, unknown>> | undefined =>
  type === "CUSTOM" && name === wanted && isRecord(value) ? value : undefined

export const tokensOf = (log: ReadonlyArray<Entry>): ReadonlyArray<Token> =>
  log.flatMap(({ event, eventId }) => {
    const value = valueOf(event, tokenName)
    return value === undefined
      ? []
      : [{ token: String(value["token"]), epoch: Number(value["epoch"]), eventId }]
  })
