/** What is drawn in a chart over time. */
export type ChartValues = ReadonlyArray<number | null>

export interface ChartLine {
  readonly label: string
  /** A custom property of the theme: `--running`. */
  readonly colour: string
  readonly values: ChartValues
  readonly look: "bars" | "line" | "area"
  readonly dashed?: boolean
  readonly alpha?: number
  /** Of bars that stand on others: where they begin. */
  readonly from?: ChartValues
}

export interface PlotProps {
  /** When each period begins, in milliseconds. */
  readonly times: ReadonlyArray<number>
  readonly lines: ReadonlyArray<ChartLine>
  /** The value at the upper edge; the lower one is 0. */
  readonly top: number
  /** The period that the pointer or the keyboard points at. */
  readonly pointed: number | null
  readonly onPoint: (index: number | null) => void
}
