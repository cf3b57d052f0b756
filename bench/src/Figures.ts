/** The figures of the benchmark, as tables, chart and targets use them. */
import type { Summary } from "./Statistics.js"

export interface Figure {
  readonly name: string
  readonly unit: string
  /** Null when the machine lacks the software. */
  readonly value: Summary | null
  /** The name of the figure that it is compared with. */
  readonly beside?: string | undefined
}

export interface Part {
  readonly title: string
  readonly figures: ReadonlyArray<Figure>
}

export const once = (value: number): Summary => ({ median: value, lowest: value, highest: value })
