/** The drawn part of a chart. It is a separate module, since uPlot is loaded only where there is a chart. */
import { useEffect, useLayoutEffect, useRef } from "react"
import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import type { ChartLine, PlotProps } from "./chartScale"

const colourOf = (property: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(property).trim()

/** What is left free between bars that stand on each other, and the least height of one, as shares of the whole height. */
const barGap = 0.02
const leastBar = 0.024

type Current = { readonly current: PlotProps }

const barsOf = (props: Current, index: number): uPlot.Series.PathBuilder => {
  const line = () => props.current.lines[index]!
  const startOf = (at: number): number => (line().from?.[at] ?? 0) + props.current.top * barGap
  const size: [number, number] = [0.65, 24]
  if (line().from === undefined) return uPlot.paths.bars!({ size })
  return uPlot.paths.bars!({
    size,
    disp: {
      y0: { unit: 1, values: () => props.current.times.map((_, at) => startOf(at)) },
      y1: {
        unit: 1,
        values: () =>
          line().values.map((value, at) =>
            (value ?? 0) === 0 ? startOf(at) : startOf(at) + Math.max(value!, props.current.top * leastBar),
          ),
      },
    } as uPlot.Series.BarsPathBuilderDisplay,
  })
}

const seriesOf = (props: Current, line: ChartLine, index: number): uPlot.Series => {
  const stroke = () => colourOf(line.colour)
  if (line.look === "bars") {
    return {
      paths: barsOf(props, index),
      fill: stroke,
      width: 0,
      alpha: line.alpha ?? 1,
      points: { show: false },
    }
  }
  return {
    stroke,
    width: 1.5,
    alpha: line.alpha ?? 1,
    spanGaps: true,
    ...(line.dashed === true ? { dash: [3, 3] } : {}),
    ...(line.look === "area" ? { fill: () => colourOf("--claimed-bg") } : {}),
    // A value without neighbours is no line.
    points: {
      size: 4,
      show: () => props.current.lines[index]!.values.filter((value) => value !== null).length === 1,
    },
  }
}

const dataOf = ({ lines, times }: PlotProps): uPlot.AlignedData => [
  times.map((time) => time / 1000),
  ...lines.map(({ values }) => [...values]),
]

const rangeOf = (props: Current): uPlot.Range.MinMax => {
  const { lines, times } = props.current
  const [first = 0, last = 1] = [times[0], times.at(-1)].map((time) => (time ?? 0) / 1000)
  const half = times.length < 2 ? 30 : (last - first) / (times.length - 1) / 2
  return lines.some(({ look }) => look === "bars")
    ? [first - half, last + half]
    : [first, Math.max(last, first + 1)]
}

const make = (props: Current, box: HTMLElement): uPlot =>
  new uPlot(
    {
      width: box.clientWidth,
      height: box.clientHeight,
      padding: [1, 0, 1, 0],
      legend: { show: false },
      axes: [{ show: false }, { show: false }],
      scales: {
        x: { time: false, range: () => rangeOf(props) },
        y: { range: () => [0, props.current.top] },
      },
      series: [{}, ...props.current.lines.map((line, index) => seriesOf(props, line, index))],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      hooks: {
        setCursor: [
          ({ cursor: { idx, left } }) =>
            props.current.onPoint(left === undefined || left < 0 ? null : (idx ?? null)),
        ],
      },
    },
    dataOf(props.current),
    box,
  )

/** Calls when the theme changes, by hand or with the system. */
const onTheme = (listener: () => void): (() => void) => {
  const observer = new MutationObserver(listener)
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] })
  const scheme = matchMedia("(prefers-color-scheme: dark)")
  scheme.addEventListener("change", listener)
  return () => {
    observer.disconnect()
    scheme.removeEventListener("change", listener)
  }
}

const ChartPlot = (current: PlotProps) => {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const props = useRef(current)
  const looks = current.lines.map(({ look }) => look).join(" ")

  useLayoutEffect(() => {
    props.current = current
    plot.current?.setData(dataOf(current))
  }, [current.times, current.lines, current.top])

  useLayoutEffect(() => {
    props.current = current
  })

  useEffect(() => {
    const element = box.current!
    const mine = make(props, element)
    plot.current = mine
    const sizes = new ResizeObserver(() =>
      mine.setSize({ width: element.clientWidth, height: element.clientHeight }),
    )
    sizes.observe(element)
    const forget = onTheme(() => mine.redraw(false))
    return () => {
      forget()
      sizes.disconnect()
      mine.destroy()
    }
  }, [looks])

  const { pointed } = current
  useEffect(() => {
    const mine = plot.current
    if (mine === undefined || (mine.cursor.idx ?? null) === pointed) return
    const time = pointed === null ? undefined : props.current.times[pointed]
    mine.setCursor({ left: time === undefined ? -10 : mine.valToPos(time / 1000, "x"), top: 0 }, false)
  }, [pointed])

  return <div ref={box} className="absolute inset-0 [&_.u-cursor-x]:![border-right:1px_solid_var(--edge)]" />
}

export default ChartPlot
