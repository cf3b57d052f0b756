/** Statistics of a few noisy samples. */

export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** The summary of one figure over several rounds. */
export interface Summary {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

export const summarize = (values: ReadonlyArray<number>): Summary => ({
  median: median(values),
  lowest: Math.min(...values),
  highest: Math.max(...values),
})

/** The median and the 99th percentile, as columns of a table. */
export const quantiles = (name: string, values: ReadonlyArray<number>): Readonly<Record<string, number>> => ({
  [`${name}, p50`]: median(values),
  [`${name}, p99`]: quantile(values, 0.99),
})
