/** What the four charts of the overview show. */
import type * as Json from "@runlease/http/Json"
import { dollars, integer, plural, short } from "../../format/numbers"
import { clock, duration } from "../../format/times"
import { chartTop, type ChartLine } from "../../ui/chartScale"
import { type SpanName, spans, countsOf, endedOf, rateOf, totalsOf } from "./totals"

type Statistics = Json.ProjectStatistics

export interface ChartContent {
  readonly title: string
  readonly figure: string
  readonly note: string
  readonly summary: string
  readonly lines: ReadonlyArray<ChartLine>
  readonly top: number
  readonly labelOf: (value: number) => string
  readonly at: (index: number) => { readonly figure: string; readonly note: string }
}

const rate = (value: number): string =>
  value === 0 || value >= 10 ? integer(Math.round(value)) : value.toFixed(1)

/** Labels of an axis: as short as they go. */
const countLabel = (value: number): string => short(value).replace(".0 ", " ")
const timeLabel = (millis: number): string =>
  millis < 1000
    ? `${Number(millis.toFixed(1))} ms`
    : millis < 60_000
      ? `${Number((millis / 1000).toFixed(1))} s`
      : `${Number((millis / 60_000).toFixed(1))} m`
const costLabel = (value: number): string =>
  value >= 10_000_000 ? `$${short(value / 1_000_000).replace(".0 ", " ")}` : dollars(value)

const most = (values: ReadonlyArray<number | null>): number =>
  values.reduce<number>((highest, value) => Math.max(highest, value ?? 0), 0)

/** Runs that ended: completed ones, and failed ones on top of them. */
export const finished = (statistics: Statistics, span: SpanName): ChartContent => {
  const { periods } = statistics
  const { step, words } = spans[span]
  const completed = periods.map(({ ended }) => ended.completed)
  const failed = periods.map(({ ended }) => ended.failed)
  const totals = totalsOf(statistics)
  const highest = periods.map(({ ended }) => ended.completed + ended.failed)
  return {
    title: `Finished per ${step}`,
    figure: rate(rateOf(statistics)),
    note: "",
    summary: `${integer(totals.completed)} completed and ${integer(totals.failed)} failed in the ${words}. At most ${integer(most(highest))} a ${step}.`,
    lines: [
      { label: "completed", colour: "--completed", values: completed, look: "bars", alpha: 0.75 },
      { label: "failed", colour: "--failed", values: failed, look: "bars", from: completed },
    ],
    top: chartTop(highest, true),
    labelOf: countLabel,
    at: (index) => ({
      figure: integer(endedOf(periods[index]!)),
      note: `${integer(completed[index]!)} completed, ${integer(failed[index]!)} failed`,
    }),
  }
}

const orDash = (millis: number | null | undefined): string => (millis == null ? "–" : duration(millis))

/** How long runs were runnable before a worker took them. */
export const pickUp = ({ periods }: Statistics, span: SpanName): ChartContent => {
  const p50 = periods.map(({ pick_up }) => pick_up.p50_ms)
  const p99 = periods.map(({ pick_up }) => pick_up.p99_ms)
  const latest = periods.findLast(({ pick_up }) => pick_up.count > 0)?.pick_up
  return {
    title: "Pick-up",
    figure: orDash(latest?.p50_ms),
    note:
      latest === undefined ? `no claims in the ${spans[span].words}` : `p50 · p99 ${orDash(latest.p99_ms)}`,
    summary:
      latest === undefined
        ? `No run was claimed in the ${spans[span].words}.`
        : `Half of the runs were claimed within ${orDash(latest.p50_ms)}, 99 % within ${orDash(latest.p99_ms)}, in the latest ${spans[span].step} that had any.`,
    lines: [
      { label: "p99", colour: "--ink-3", values: p99, look: "line", dashed: true },
      { label: "p50", colour: "--ink", values: p50, look: "line" },
    ],
    top: chartTop(p99, false),
    labelOf: timeLabel,
    at: (index) => ({
      figure: orDash(p50[index]),
      note: p50[index] == null ? "no claims" : `p99 ${orDash(p99[index])}`,
    }),
  }
}

/** Pending and running runs at the end of each period. */
export const queue = (statistics: Statistics): ChartContent => {
  const { periods } = statistics
  const counts = countsOf(statistics)
  const pending = periods.map((period) => period.pending)
  const running = periods.map((period) => period.running)
  const words = (waiting: number, atWork: number): string =>
    `${integer(waiting)} pending, ${integer(atWork)} running`
  return {
    title: "Queue",
    figure: integer(counts.pending),
    note: `pending, ${integer(counts.running)} run`,
    summary: `${words(counts.pending, counts.running)}. At most ${words(most(pending), most(running))}.`,
    lines: [
      { label: "pending", colour: "--ink-3", values: pending, look: "area", dashed: true },
      { label: "running", colour: "--running", values: running, look: "line" },
    ],
    top: chartTop([...pending, ...running], true),
    labelOf: countLabel,
    at: (index) => ({
      figure: integer(pending[index] ?? 0),
      note: `pending, ${integer(running[index] ?? 0)} run`,
    }),
  }
}

export const cost = (statistics: Statistics, span: SpanName): ChartContent => {
  const { periods } = statistics
  const totals = totalsOf(statistics)
  const values = periods.map((period) => period.cost)
  return {
    title: "Cost",
    figure: dollars(totals.cost),
    note: `${short(totals.tokens)} tokens`,
    summary: `${dollars(totals.cost)} for ${plural(totals.tokens, "token")} in the ${spans[span].words}. At most ${dollars(most(values))} a ${spans[span].step}.`,
    lines: [{ label: "cost", colour: "--claimed", values, look: "bars" }],
    top: chartTop(values, false),
    labelOf: costLabel,
    at: (index) => ({
      figure: dollars(values[index] ?? 0),
      note: `${short(periods[index]?.tokens ?? 0)} tokens`,
    }),
  }
}

const weekday = new Intl.DateTimeFormat("en", { weekday: "short" })

/** `02:58`, with the day of the week where the span has several. */
export const periodName = (start: string, span: SpanName): string => {
  const instant = Date.parse(start)
  const time = clock(instant).slice(0, 5)
  return span === "hour" ? time : `${weekday.format(instant)} ${time}`
}
