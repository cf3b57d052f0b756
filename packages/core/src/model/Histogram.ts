/** How long things took, counted in buckets that grow by a fifth: an estimate from one is at most a tenth off. */

/** How many durations are in each bucket, the shortest first. Empty buckets are absent. */
export type Histogram = ReadonlyArray<{ readonly bucket: number; readonly count: number }>

const bucketsPerDoubling = 4

/** The bucket of a duration in milliseconds: 0 is less than one millisecond. */
export const bucketOf = (millis: number): number =>
  millis < 1 ? 0 : 1 + Math.floor(bucketsPerDoubling * Math.log2(millis))

/** The middle of a bucket, in milliseconds. */
const middleOf = (bucket: number): number => (bucket === 0 ? 0 : 2 ** ((bucket - 0.5) / bucketsPerDoubling))

export const size = (histogram: Histogram): number => histogram.reduce((total, { count }) => total + count, 0)

/**
 * The duration that a share of all durations does not exceed, in milliseconds: 0.5 is the median, 0.99 the 99th
 * percentile. Null without durations.
 */
export const percentile = (histogram: Histogram, share: number): number | null => {
  let left = Math.ceil(size(histogram) * share)
  for (const { bucket, count } of histogram) {
    left -= count
    if (left <= 0) return middleOf(bucket)
  }
  return null
}
