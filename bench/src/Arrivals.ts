/** The requests that arrive at a server, by their time. */

/** The length of a bucket in milliseconds. */
const bucketMillis = 100

/** How many requests of each kind arrived in each bucket, from an instant on. */
export type Arrivals = Readonly<Record<string, ReadonlyArray<number>>>

/** A counter that starts when `begin` is called. */
export const make = () => {
  const arrivals: Record<string, Array<number>> = {}
  let begun = 0
  return {
    arrivals,
    begin: (): void => {
      begun = performance.now()
    },
    count: (kind: string): void => {
      const buckets = (arrivals[kind] ??= [])
      const bucket = Math.floor((performance.now() - begun) / bucketMillis)
      while (buckets.length <= bucket) buckets.push(0)
      buckets[bucket]! += 1
    },
  }
}

/** The requests of all kinds in each of the first `count` spans of `millis`. */
export const sums = (arrivals: Arrivals, millis: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, index) =>
    Object.values(arrivals)
      .flatMap((buckets) =>
        buckets.slice((index * millis) / bucketMillis, ((index + 1) * millis) / bucketMillis),
      )
      .reduce((sum, requests) => sum + requests, 0),
  )
