/** How many runs are in each of the six states: those at work now, those that ended in the span. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { integer, percent } from "../../format/numbers"
import { clock, duration, when } from "../../format/times"
import { Figure, figureCell, FigureStrip } from "../../ui/FigureStrip"
import { type RunStatus, State } from "../../ui/State"
import { slotsOf } from "../../ui/workers"
import { type SpanName, spans, countsOf, totalsOf } from "./totals"
import { noRunsSearch } from "../../shell/links"

interface Loaded {
  readonly statistics: Json.ProjectStatistics | undefined
  readonly attention: Json.Attention | undefined
  readonly workers: ReadonlyArray<Json.WorkerSummary>
  readonly now: number
  readonly span: SpanName
}

/** Each state with how many runs are in it, and the line below. */
export const cellsOf = ({
  attention,
  now,
  span,
  statistics,
  workers,
}: Loaded & { statistics: Json.ProjectStatistics }) => {
  const counts = countsOf(statistics)
  const totals = totalsOf(statistics)
  const { slots } = slotsOf(workers)
  const pending = attention?.oldest_pending
  const expiry = attention?.waits[0]?.waiting?.expires_at
  const { words } = spans[span]
  const cells: ReadonlyArray<readonly [RunStatus, value: number, note: string]> = [
    [
      "pending",
      counts.pending,
      pending == null || counts.pending === 0
        ? ""
        : `oldest ${duration(Math.max(0, now - Date.parse(pending.available_at)))}`,
    ],
    ["running", counts.running, slots === 0 ? "" : `of ${integer(slots)} slots`],
    [
      "waiting",
      counts.waiting,
      expiry == null
        ? ""
        : `next expires ${Date.parse(expiry) - now < 86_400_000 ? clock(Date.parse(expiry)).slice(0, 5) : when(Date.parse(expiry), now)}`,
    ],
    ["completed", totals.completed, words],
    ["failed", totals.failed, totals.ended === 0 ? words : percent(totals.failed / totals.ended)],
    ["cancelled", totals.cancelled, words],
  ]
  return cells
}

const states: ReadonlyArray<RunStatus> = ["pending", "running", "waiting", "completed", "failed", "cancelled"]

export const StatesStrip = ({ statistics, ...loaded }: Loaded) => {
  const cells = statistics === undefined ? undefined : cellsOf({ ...loaded, statistics })
  return (
    <FigureStrip label="Runs by state">
      {states.map((status, index) => (
        <Link
          key={status}
          to="/runs"
          search={{ ...noRunsSearch, state: status }}
          className={`${figureCell} transition-colors duration-[120ms] hover:bg-hover focus-visible:-outline-offset-2`}
        >
          <Figure
            label={<State status={status} />}
            value={cells === undefined ? "–" : integer(cells[index]![1])}
            note={cells?.[index]![2]}
          />
        </Link>
      ))}
    </FigureStrip>
  )
}
