/** The latest runs of a schedule. */
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { useSession } from "../../api/session"
import { integer } from "../../format/numbers"
import { exact, when } from "../../format/times"
import { noRunsSearch, wholeRun } from "../../shell/links"
import { buttonClass } from "../../ui/Button"
import { Unread } from "../../ui/Loading"
import { MiniLane } from "../../ui/MiniLane"
import { Panel } from "../../ui/Panel"
import { State, StateIcon, wordOf } from "../../ui/State"
import { type Column, TableHead } from "../../ui/TableHead"
import { Attempt, Cost, Took } from "../runs/figures"
import { runsText, scheduleRunsQuery } from "./queries"

const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-4"
const number = `${cell} text-right text-ink-2`

interface Props {
  readonly run: Json.RunSummary
  readonly now: number
}

/** The tick of a run, by its id; when it was submitted, where a person began it. */
const tickOf = ({
  created_at,
  run_id,
}: Json.RunSummary): { readonly at: number; readonly byHand: boolean } => {
  const tick = Date.parse(run_id.slice(run_id.indexOf(":", 9) + 1))
  return Number.isNaN(tick) ? { at: Date.parse(created_at), byHand: true } : { at: tick, byHand: false }
}

const Tick = ({ now, run }: Props) => {
  const { at, byHand } = tickOf(run)
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: run.run_id }}
      search={wholeRun}
      preload={false}
      title={exact(at)}
      className="font-medium"
    >
      {when(at, now)}
      {byHand ? <span className="font-normal text-ink-3"> by hand</span> : null}
    </Link>
  )
}

const Code = ({ run: { error, status } }: { readonly run: Json.RunSummary }) =>
  status !== "failed" || error?.code == null ? null : (
    <code title={error.message} className="truncate font-mono text-small text-failed desk:ml-2">
      {error.code}
    </code>
  )

const columns: ReadonlyArray<Column> = [
  { name: "State", width: "w-[124px]" },
  { name: "Tick" },
  { name: "Leases", width: "w-[92px]" },
  { name: "Attempt", width: "w-[72px]", isRight: true },
  { name: "Took", width: "w-[88px]", isRight: true },
  { name: "Cost", width: "w-[84px]", isRight: true },
]

const Rows = ({ now, runs }: { readonly runs: ReadonlyArray<Json.RunSummary>; readonly now: number }) => (
  <>
    <table className="w-full table-fixed border-collapse max-desk:hidden">
      <TableHead columns={columns} />
      <tbody>
        {runs.map((run) => (
          <tr key={run.run_id} className="transition-colors duration-[120ms] hover:bg-hover">
            <td className={`${cell} [&>span]:align-middle`}>
              <State status={run.status} />
            </td>
            <td className={`${cell} truncate`}>
              <Tick run={run} now={now} />
              <Code run={run} />
            </td>
            <td className={cell}>
              <MiniLane run={run} />
            </td>
            <td className={number}>
              <Attempt run={run} />
            </td>
            <td className={number}>
              <Took run={run} />
            </td>
            <td className={number}>
              <Cost run={run} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
    <ul className="desk:hidden">
      {runs.map((run) => (
        <li key={run.run_id} className="border-t border-line">
          <Link
            to="/runs/$runId"
            params={{ runId: run.run_id }}
            search={wholeRun}
            preload={false}
            className="flex min-h-11 items-center gap-2.5 px-3"
          >
            <StateIcon status={run.status} />
            <span className="font-medium">{when(tickOf(run).at, now)}</span>
            <span className="sr-only">{wordOf(run.status)}</span>
            {tickOf(run).byHand ? <span className="text-ink-3">by hand</span> : null}
            <Code run={run} />
            <span className="ml-auto text-small text-ink-3">
              <Took run={run} />
            </span>
          </Link>
        </li>
      ))}
    </ul>
  </>
)

export const ScheduleRuns = ({
  now,
  schedule,
}: {
  readonly schedule: Json.Schedule
  readonly now: number
}) => {
  const { slug } = useSession().project
  const query = useQuery(scheduleRunsQuery(slug, schedule))
  const { data } = query
  return (
    <Panel
      title="Runs"
      note={
        <>
          {integer(schedule.run_count)} begun
          {schedule.max_runs === null ? "" : ` of ${integer(schedule.max_runs)}`}
        </>
      }
      aside={
        data === undefined || data.data.length === 0 ? undefined : (
          <Link
            to="/runs"
            search={{ ...noRunsSearch, agent: schedule.target.id, q: runsText(schedule.id) }}
            className={buttonClass("quiet", true)}
          >
            All of them
          </Link>
        )
      }
    >
      {data === undefined ? (
        <Unread query={query} rows={5} />
      ) : data.data.length > 0 ? (
        <Rows runs={data.data} now={now} />
      ) : (
        <p className="px-4 pb-3 text-ink-2 max-desk:px-3">
          {schedule.run_count === 0
            ? "It has begun no run yet."
            : `None is among the newest ${integer(data.searched ?? 0)} runs of ${schedule.target.id}.`}
        </p>
      )}
    </Panel>
  )
}
