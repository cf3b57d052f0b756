/** Reading the calls of a history. */
import type { AnswerOf } from "../Recorder.js"
import type { Call, History, Refused } from "../History.js"

type Named<Name extends Call["call"]> = Extract<Call, { readonly call: Name }>

/**
 * The calls of one name, in the order in which they were sent.
 *
 * @category reading
 */
export const named = <Name extends Call["call"]>(
  { calls }: Pick<History, "calls">,
  name: Name,
): ReadonlyArray<Named<Name>> => calls.filter((call): call is Named<Name> => call.call === name)

/**
 * Whether an answer is a refusal.
 *
 * @category guards
 */
export const isRefused = (answer: unknown): answer is Refused =>
  typeof answer === "object" && answer !== null && "refused" in answer

/** An accepted execution of a call. */
export interface Accepted<Name extends Call["call"]> {
  readonly call: Named<Name>
  readonly at: number
  readonly answer: AnswerOf<Name>
}

/**
 * What the store accepted of the calls of one name, by the instants at which it did.
 *
 * @category reading
 */
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
