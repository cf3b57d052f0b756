/** A run of steps, the same for every contender: steps one after another that each return a small value of JSON. */
import { median, quantile } from "../Statistics.js"

export const resultOf = (step: number) => ({ city: "Lisbon", celsius: 17, step })

/** How long steps take, from their calls to their durable results. */
export interface StepTimes {
  /** Adds the step that started at a time of `performance.now`. */
  readonly add: (startedAt: number) => void
  /** In milliseconds. */
  readonly quantiles: () => { readonly p50: number; readonly p99: number }
}

export const makeTimes = (): StepTimes => {
  const times: Array<number> = []
  return {
    add: (startedAt) => times.push(performance.now() - startedAt),
    quantiles: () => ({ p50: median(times), p99: quantile(times, 0.99) }),
  }
}
