/** A small chart over time with its figure. Pointing at a period, or the arrow keys, put the values of that period in place of the figure. */
import { lazy, Suspense, useId, type KeyboardEvent, type ReactNode } from "react"
import { spreadLabels, type ChartLine } from "./chartScale"

const ChartPlot = lazy(() => import("./ChartPlot"))

export interface ChartFigure {
  readonly figure: string
  readonly note: ReactNode
}

interface ChartProps extends ChartFigure {
  readonly title: string
  /** All of the chart in a sentence, for who does not see it. */
  readonly summary: string
  readonly times: ReadonlyArray<number>
  readonly lines: ReadonlyArray<ChartLine>
  readonly top: number
  readonly labelOf: (value: number) => string
  /** The values of a period, and the same as text. */
  readonly at: (index: number) => { readonly figure: string; readonly note: string }
  readonly timeOf: (index: number) => string
  /** Pixels for the labels left of the chart, and for the names at its right. */
  readonly left?: number
  readonly right?: number
  /** Shared by the charts of a page, which point at the same period. */
  readonly pointed: number | null
  readonly onPoint: (index: number | null) => void
}

/** A key of a chart: a colour and its meaning. */
export const ChartKey = ({ children, colour }: { readonly colour: string; readonly children: string }) => (
  <span className="inline-flex not-last:mr-2 max-desk:not-last:mr-1 items-center gap-[5px] max-desk:gap-1">
    <i className="size-2 rounded-[2px]" style={{ background: colour }} />
    {children}
  </span>
)

const Ends = ({ lines, top }: Pick<ChartProps, "lines" | "top">) => {
  const named = lines.filter(({ look }) => look !== "bars")
  const heights = named.map(({ values }) => 1 - (values.findLast((value) => value !== null) ?? 0) / top)
  const places = spreadLabels(heights, 0.15)
  return named.map(({ colour, label }, index) => (
    <span
      key={label}
      className="absolute left-full -translate-y-1/2 pl-1.5 text-micro font-medium"
      style={{ top: `${places[index]! * 100}%`, color: `var(${colour})` }}
    >
      {label}
    </span>
  ))
}

export const Chart = (props: ChartProps) => {
  const {
    at,
    figure,
    labelOf,
    left = 30,
    lines,
    note,
    onPoint,
    pointed,
    right = 0,
    summary,
    timeOf,
    times,
    title,
    top,
  } = props
  const id = useId()
  const shown = pointed !== null && pointed < times.length ? at(pointed) : undefined
  const last = times.length - 1

  const onKeyDown = (event: KeyboardEvent) => {
    const from = pointed ?? last
    const next =
      event.key === "ArrowLeft"
        ? from - 1
        : event.key === "ArrowRight"
          ? from + 1
          : event.key === "Home"
            ? 0
            : event.key === "End"
              ? last
              : undefined
    if (event.key === "Escape") onPoint(null)
    if (next === undefined) return
    event.preventDefault()
    onPoint(Math.min(last, Math.max(0, next)))
  }

  const hasValues = lines.some(({ values }) => values.some((value) => (value ?? 0) > 0))
  const now = pointed ?? last
  const values = last < 0 ? undefined : at(now)
  return (
    <section
      aria-labelledby={id}
      className="min-w-0 rounded-3 border border-line bg-surface px-4 pt-3 pb-2.5 max-desk:px-3 max-desk:pt-2.5"
    >
      <h2 id={id} className="truncate text-small font-medium text-ink-2">
        {title}
      </h2>
      <p className="sr-only">{summary}</p>
      <div className="flex items-baseline gap-2 overflow-hidden whitespace-nowrap">
        <span className="text-figure font-medium tracking-[-0.02em] max-desk:text-[18px] max-desk:leading-6">
          {shown?.figure ?? figure}
        </span>
        <span className="min-w-0 truncate text-small text-ink-3">
          {shown === undefined ? note : `${timeOf(pointed!)}${shown.note === "" ? "" : ` · ${shown.note}`}`}
        </span>
      </div>
      <div style={{ paddingLeft: left, paddingRight: right }}>
        <div
          className="relative mt-2.5 h-[104px] max-desk:h-16"
          role="slider"
          tabIndex={0}
          aria-label={`${title}, period`}
          aria-valuemin={0}
          aria-valuemax={Math.max(0, last)}
          aria-valuenow={Math.max(0, now)}
          aria-valuetext={values === undefined ? "None" : `${timeOf(now)}: ${values.figure}, ${values.note}`}
          onKeyDown={onKeyDown}
          onBlur={() => onPoint(null)}
        >
          {[0, 50, 100].map((height) => (
            <i key={height} className="absolute inset-x-0 h-px bg-line" style={{ top: `${height}%` }} />
          ))}
          {[0, 50].map((height) => (
            <span
              key={height}
              aria-hidden
              className="absolute right-full -translate-y-1/2 text-left text-micro text-ink-3"
              style={{ top: `${height}%`, width: left }}
            >
              {hasValues ? labelOf(top * (1 - height / 100)) : ""}
            </span>
          ))}
          <Suspense fallback={null}>
            <ChartPlot times={times} lines={lines} top={top} pointed={pointed} onPoint={onPoint} />
          </Suspense>
          <span aria-hidden>{hasValues ? <Ends lines={lines} top={top} /> : null}</span>
        </div>
        <div
          aria-hidden
          className="@container mt-1 flex h-4 justify-between text-micro whitespace-nowrap text-ink-3"
        >
          {times.length === 0 ? null : (
            <>
              <span>{timeOf(0)}</span>
              <span className="@max-[110px]:hidden">{timeOf(Math.floor(last / 2))}</span>
              <span>now</span>
            </>
          )}
        </div>
      </div>
    </section>
  )
}
