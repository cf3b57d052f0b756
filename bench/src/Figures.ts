/** The figures of the benchmark, as tables, chart and targets use them. */
import { type Summary, summarize } from "./Statistics.js"

export interface Column {
  readonly name: string
  readonly unit: string
}

export interface Row {
  readonly name: string
  /** The name of the row that its first figure is compared with. */
  readonly beside?: string | undefined
  /** By the names of columns. Null is absent: the machine cannot measure it. A column without a figure does not apply. */
  readonly figures: Readonly<Record<string, Summary | null>>
}

/** A table: contenders by rows, measures by columns. The first column is the one that the chart shows. */
export interface Part {
  readonly title: string
  readonly columns: ReadonlyArray<Column>
  readonly rows: ReadonlyArray<Row>
}

/** One value for each column that applies, from one round. */
export type Sample = Readonly<Record<string, number | null>>

/** Summarizes each column over the rounds. */
export const summaries = (samples: ReadonlyArray<Sample>): Row["figures"] =>
  Object.fromEntries(
    Object.keys(samples[0] ?? {}).map((column) => {
      const values = samples.flatMap((sample) => sample[column] ?? [])
      return [column, values.length === 0 ? null : summarize(values)]
    }),
  )
