/** The strip of 168 buckets over the table: what it spans, what is in each bucket, and what a part of it means. */
import type * as Json from "@runlease/http/Json"
import { dayWords, minuteWords, type Range } from "./range"

export const bucketCount = 168

const minute = 60_000
const hour = 60 * minute

/** The periods that the strip requests, and how many of them one bucket has. */
export interface StripScale {
  readonly step: "minute" | "hour"
  readonly merge: number
}

const scales: ReadonlyArray<StripScale> = [
  { step: "minute", merge: 1 },
  { step: "minute", merge: 8 },
  { step: "hour", merge: 2 },
]

export const bucketMillis = ({ merge, step }: StripScale): number =>
  merge * (step === "minute" ? minute : hour)

/** The finest scale that reaches back to `from`; 14 days without one. */
export const scaleFor = (from: number | undefined, now: number): StripScale => {
  const widest = scales.at(-1)!
  if (from === undefined) return widest
  return scales.find((scale) => now - from <= bucketMillis(scale) * (bucketCount - 1)) ?? widest
}

interface StripDomain {
  readonly start: number
  readonly end: number
}

/** The last bucket is the one that now is in. */
export const domainOf = (scale: StripScale, now: number): StripDomain => {
  const size = bucketMillis(scale)
  const end = (Math.floor(now / size) + 1) * size
  return { start: end - bucketCount * size, end }
}

export interface Bucket {
  readonly start: number
  readonly submitted: number
  readonly failed: number
}

type PeriodCounts = Pick<Json.Period, "start" | "submitted" | "ended">

export const bucketsOf = (
  periods: ReadonlyArray<PeriodCounts>,
  scale: StripScale,
  now: number,
): ReadonlyArray<Bucket> => {
  const { start } = domainOf(scale, now)
  const size = bucketMillis(scale)
  const buckets = Array.from({ length: bucketCount }, (_, index) => ({
    start: start + index * size,
    submitted: 0,
    failed: 0,
  }))
  for (const period of periods) {
    const bucket = buckets[Math.floor((Date.parse(period.start) - start) / size)]
    if (bucket === undefined) continue
    bucket.submitted += period.submitted
    bucket.failed += period.ended.failed
  }
  return buckets
}

/** Bounds of a part of the strip, as shares of its width. */
export interface Brush {
  readonly from: number
  readonly to: number
}

const within = (share: number): number => Math.min(1, Math.max(0, share))

/** The part of the strip that a range covers. */
export const brushOf = (
  range: { readonly from: number | undefined; readonly to: number | undefined },
  { end, start }: StripDomain,
): Brush => {
  const shareOf = (instant: number): number => within((instant - start) / (end - start))
  return {
    from: range.from === undefined ? 0 : shareOf(range.from),
    to: range.to === undefined ? 1 : shareOf(range.to),
  }
}

/** Two places in the strip, in any order, as the edges of whole buckets: one at least. */
export const snapped = (a: number, b: number): Brush => {
  const low = Math.min(bucketCount - 1, Math.floor(within(Math.min(a, b)) * bucketCount))
  const high = Math.ceil(within(Math.max(a, b)) * bucketCount)
  return { from: low / bucketCount, to: Math.max(high, low + 1) / bucketCount }
}

/** What a part of the strip means. Its ends bound nothing: runs older than the strip, and those to come. */
export const rangeOf = ({ from, to }: Brush, { end, start }: StripDomain): Range => {
  const at = (share: number): string => new Date(start + Math.round(share * (end - start))).toISOString()
  return { from: from <= 0 ? undefined : at(from), to: to >= 1 ? undefined : at(to) }
}

/** `20 Nov` where a bucket has hours, `14:05` where it has minutes. */
export const axisWords = (instant: number, { step }: StripScale): string =>
  step === "hour" ? dayWords(instant) : minuteWords(instant)

/** `20 Nov 14:00 to 16:00` */
export const bucketWords = (start: number, scale: StripScale): string => {
  const end = minuteWords(start + bucketMillis(scale))
  return `${scale.step === "hour" ? `${dayWords(start)} ` : ""}${minuteWords(start)} to ${end}`
}
