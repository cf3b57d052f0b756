/**
 * The rate of a limit: how many runs of a key may start (generic cell rate algorithm).
 *
 * A key has tokens, up to `burst`, and gets `count` of them in a period. The first claim of a run takes one. All of that is one number of
 * the key, `tat`: the instant at which its bucket would be full again. So at most `burst + count * t / period` runs start within any time t.
 *
 * Units: `tat` is in microseconds since the epoch, since a rate may give many tokens in a millisecond. `now` is in milliseconds.
 * Source: docs/decisions/0106-rates.md
 */
import type { Rate } from "@runlease/core/Limits"

const microsOfMilli = 1000
const microsOfSecond = 1_000_000

/** How long one token takes. It is rounded up, so no rounding lets more runs start. */
const intervalOf = ({ count, periodSeconds }: Rate): number =>
  Math.ceil((periodSeconds * microsOfSecond) / count)

/** How many runs may start now. */
export const tokens = (rate: Rate, tat: number, now: number): number =>
  Math.max(0, rate.burst - Math.ceil(Math.max(0, tat - now * microsOfMilli) / intervalOf(rate)))

/** `tat` after this number of starts, for which there were tokens. */
export const take = (rate: Rate, tat: number, starts: number, now: number): number =>
  Math.max(tat, now * microsOfMilli) + starts * intervalOf(rate)

/** When there is this number of tokens, if no run starts until then; null where there is never this number. In milliseconds since the epoch. */
export const availableAt = (rate: Rate, tat: number, wanted: number): number | null =>
  wanted > rate.burst ? null : Math.ceil((tat - (rate.burst - wanted) * intervalOf(rate)) / microsOfMilli)

/** The latest `tat` that a key may have: that of an empty bucket. A new rate may fill it sooner than the one before. */
export const latest = (rate: Rate, now: number): number => now * microsOfMilli + rate.burst * intervalOf(rate)

/** The latest `tat` of a bucket that is full, so nothing is to be remembered of it. */
export const fullBy = (now: number): number => now * microsOfMilli
