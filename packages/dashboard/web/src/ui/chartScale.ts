/** Where the axis of a chart ends, and where its labels stand. */

/** What is drawn in a chart over time. */
type ChartValues = ReadonlyArray<number | null>

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

const steps = [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 9, 10]

/** The least round number that is no less than all values, so that its half is round too. `whole`: the half is a whole number. */
export const chartTop = (values: ReadonlyArray<number | null>, whole: boolean): number => {
  const most = values.reduce<number>((highest, value) => Math.max(highest, value ?? 0), 0)
  if (most <= 0) return whole ? 2 : 1
  const size = 10 ** Math.floor(Math.log10(most))
  for (const step of [...steps, 20]) {
    const top = Number((step * size).toPrecision(3))
    if (top >= most && (!whole || (top >= 2 && top % 2 === 0))) return top
  }
  return 20 * size
}

/** Puts labels at heights from 0 (the top) to 1, at least `apart` from each other, and inside. */
export const spreadLabels = (heights: ReadonlyArray<number>, apart: number): ReadonlyArray<number> => {
  const placed = heights.map((height) => Math.min(1, Math.max(0, height)))
  const order = placed.map((_, index) => index).toSorted((a, b) => placed[a]! - placed[b]!)
  for (const [place, index] of order.entries()) {
    const above = order[place - 1]
    if (above !== undefined) placed[index] = Math.max(placed[index]!, placed[above]! + apart)
  }
  const over = Math.max(0, ...placed.map((height) => height - 1))
  return placed.map((height) => Math.max(0, height - over))
}
