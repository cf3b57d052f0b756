/** The events of a log by which a simulation knows who appended what: each has a token that no other event has. */
import type { Entry, Event } from "../History.js"

/** The name of these events. */
const tokenName = "simulation.token"

export interface Token {
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

/** @category reading */
export const tokensOf = (log: ReadonlyArray<Entry>): ReadonlyArray<Token> =>
  log.flatMap(({ event, eventId }) => {
    const value = valueOf(event, tokenName)
    return value === undefined
      ? []
      : [{ token: String(value["token"]), epoch: Number(value["epoch"]), eventId }]
  })
