/** The tables of the overview: agents, failures and workers. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { type ReactNode, useState } from "react"
import { dollars, integer, percent, plural } from "../../format/numbers"
import { duration } from "../../format/times"
import { noRunsSearch } from "../../shell/links"
import { Button, buttonClass } from "../../ui/Button"
import { Skeleton } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { WorkerSlots } from "../../ui/Slots"
import { WorkerState } from "../../ui/StateWord"
import { headCell, rightHeadCell } from "../../ui/look"
import { isHere, nameOf, silenceOf, slotsOf, stateOf } from "../../ui/workers"
import { inOrder } from "../workers/fleet"
import {
  type SpanName,
  spans,
  busiestFirst,
  endedOf,
  failedShare,
  failsOften,
  failuresOf,
  totalsOf,
} from "./totals"

/** The classes of a plain table in a panel. */
const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-4 max-desk:h-11"

/** A link in a cell: as high as the row where it is tapped. */
const cellLink = "max-desk:flex max-desk:h-11 max-desk:items-center"

/** A row of a table that says why it has no others. */
const NoRows = ({ children, columns }: { readonly columns: number; readonly children: ReactNode }) => (
  <tr>
    <td colSpan={columns} className={`${cell} text-ink-3`}>
      {children}
    </td>
  </tr>
)

const firstRows = 5

/** What the runs of each agent came to in the span. */
export const AgentsPanel = ({
  span,
  statistics,
}: {
  readonly statistics: Json.ProjectStatistics | undefined
  readonly span: SpanName
}) => {
  const [isWhole, setWhole] = useState(false)
  const agents = statistics === undefined ? [] : busiestFirst(statistics.agents)
  const number = `${cell} text-right text-ink-2`
  return (
    <Panel
      title="Agents"
      aside={
        agents.length <= firstRows ? undefined : (
          <Button look="quiet" small aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
            {isWhole ? `First ${firstRows}` : `All ${integer(agents.length)}`}
          </Button>
        )
      }
    >
      <div className="overflow-x-auto">
        <table className="w-full border-collapse">
          <thead>
            <tr>
              <th className={headCell}>Agent</th>
              <th className={rightHeadCell}>Runs</th>
              <th className={rightHeadCell}>Failed</th>
              <th
                className={`${rightHeadCell} max-desk:hidden`}
                title="Half of the runs took no longer, from the first claim to the end"
              >
                p50
              </th>
              <th className={rightHeadCell}>Cost</th>
            </tr>
          </thead>
          <tbody>
            {statistics !== undefined && agents.length === 0 ? (
              <NoRows columns={5}>No agent had runs in the {spans[span].words}.</NoRows>
            ) : null}
            {agents.slice(0, isWhole ? undefined : firstRows).map((agent) => (
              <tr key={agent.agent_id} className="transition-colors duration-[120ms] hover:bg-hover">
                <td className={`${cell} max-w-[200px] truncate font-medium`}>
                  <Link to="/runs" search={{ ...noRunsSearch, agent: agent.agent_id }} className={cellLink}>
                    {agent.agent_id}
                  </Link>
                </td>
                <td className={number}>{integer(endedOf(agent))}</td>
                <td
                  className={`${cell} text-right ${failsOften(agent) ? "font-medium text-failed" : "text-ink-2"}`}
                >
                  {endedOf(agent) === 0 ? "–" : percent(failedShare(agent))}
                </td>
                <td className={`${number} max-desk:hidden`}>
                  {agent.run_time.p50_ms === null ? "–" : duration(agent.run_time.p50_ms)}
                </td>
                <td className={number}>{dollars(agent.cost)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {statistics === undefined ? <Skeleton rows={5} /> : null}
    </Panel>
  )
}

const mostCodes = 8

/** The failed runs of the span by the code of their error. */
export const FailuresPanel = ({
  span,
  statistics,
}: {
  readonly statistics: Json.ProjectStatistics | undefined
  readonly span: SpanName
}) => {
  const failures = statistics === undefined ? [] : failuresOf(statistics.agents)
  const failed = statistics === undefined ? 0 : totalsOf(statistics).failed
  const most = failures[0]?.count ?? 1
  return (
    <Panel
      title="Failures by code"
      aside={
        failed === 0 ? undefined : (
          <Link
            to="/runs"
            search={{ ...noRunsSearch, state: "failed" }}
            className={buttonClass("quiet", true)}
          >
            {plural(failed, "run")}
          </Link>
        )
      }
    >
      <table className="w-full table-fixed border-collapse">
        <colgroup>
          <col />
          <col className="w-[120px]" />
          <col className="w-[72px]" />
        </colgroup>
        <thead>
          <tr>
            <th className={headCell}>Code</th>
            <th className={headCell}>
              <span className="sr-only">Share</span>
            </th>
            <th className={`${headCell} text-right!`}>Runs</th>
          </tr>
        </thead>
        <tbody>
          {statistics !== undefined && failures.length === 0 ? (
            <NoRows columns={3}>No run failed in the {spans[span].words}.</NoRows>
          ) : null}
          {failures.slice(0, mostCodes).map(({ code, count }) => (
            <tr key={code ?? ""}>
              <td
                className={`${cell} truncate ${code === null ? "text-ink-3" : "font-mono text-small"}`}
                title={code ?? ""}
              >
                {code === null ? (
                  "no code"
                ) : (
                  <Link
                    to="/runs"
                    search={{ ...noRunsSearch, state: "failed", code, children: "yes" }}
                    className="hover:underline"
                  >
                    {code}
                  </Link>
                )}
              </td>
              <td className={cell}>
                <i
                  className="inline-block h-1.5 rounded-[2px] bg-failed align-[1px]"
                  style={{ width: Math.max(2, Math.round((count / most) * 104)) }}
                />
              </td>
              <td className={`${cell} text-right`}>{integer(count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {statistics === undefined ? <Skeleton rows={5} /> : null}
    </Panel>
  )
}

/** The workers that are here: the silent ones first, then by name. */
export const WorkersPanel = ({
  now,
  workers,
}: {
  readonly workers: ReadonlyArray<Json.WorkerSummary> | undefined
  readonly now: number
}) => {
  const here = (workers ?? []).filter((worker) => isHere(worker, now))
  const { slots, used } = slotsOf(here)
  const rows = inOrder(here, now)
  return (
    <Panel
      title="Workers"
      note={
        here.length === 0
          ? undefined
          : `${integer(here.length)}${slots === 0 ? "" : `, ${integer(used)} of ${integer(slots)} slots in use`}`
      }
      aside={
        here.length === 0 ? undefined : (
          <Link to="/workers" search={{ open: undefined }} className={buttonClass("quiet", true)}>
            {here.length > firstRows ? `All ${integer(here.length)}` : "See them"}
          </Link>
        )
      }
    >
      {workers !== undefined && here.length === 0 ? (
        <div className="grid justify-items-start gap-3 px-4 pt-1 pb-4 max-desk:px-3">
          <p className="text-ink-2">No worker is here. Pending runs wait until one is.</p>
          <Link to="/workers" search={{ open: "add" }} className={buttonClass()}>
            Add a worker
          </Link>
        </div>
      ) : (
        <table className="w-full border-collapse">
          <thead>
            <tr>
              <th className={headCell}>Worker</th>
              <th className={headCell}>State</th>
              <th className={headCell}>Slots</th>
              <th className={`${headCell} text-right!`}>Heard from</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, firstRows).map((worker) => {
              const state = stateOf(worker, now)
              return (
                <tr key={worker.worker.id} className="transition-colors duration-[120ms] hover:bg-hover">
                  <td className={`${cell} max-w-[160px] truncate font-medium`}>
                    <Link to="/workers" search={{ open: worker.worker.id }} className={cellLink}>
                      {nameOf(worker)}
                    </Link>
                  </td>
                  <td className={cell}>
                    <WorkerState state={state} />
                  </td>
                  <td className={cell}>
                    <WorkerSlots summary={worker} state={state} />
                  </td>
                  <td className={`${cell} text-right ${state === "silent" ? "text-failed" : "text-ink-2"}`}>
                    {silenceOf(worker, now)}
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
      {workers === undefined ? <Skeleton rows={5} /> : null}
    </Panel>
  )
}
