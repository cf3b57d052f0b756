/** What is measured, in one shape for tables, chart and targets. */
import type { Summary } from "./Statistics.js"

export interface Figure {
  readonly name: string
  readonly unit: string
  /** Absent where the machine lacks what it takes. */
  readonly value: Summary | null
  /** The figure that it is put beside. */
  readonly beside?: string | undefined
}

export interface Part {
  readonly title: string
  readonly figures: ReadonlyArray<Figure>
}

export const once = (value: number): Summary => ({ median: value, lowest: value, highest: value })
