/** A worker as a row of the table, with the runs that it holds where it is open. */
import type * as Json from "@runlease/http/Json"
import { ChevronRight } from "lucide-react"
import { leaseLength } from "../../format/leases"
import { integer } from "../../format/numbers"
import { exact } from "../../format/times"
import { LeaseLeft } from "../../ui/LeaseLeft"
import { usedOfSlots, WorkerSlots } from "../../ui/WorkerSlots"
import { WorkerState } from "../../ui/WorkerState"
import { heardFrom, nameOf, silenceOf, stateOf, toldBy } from "../../ui/workers"
import { DrainButton } from "./DrainButton"
import { isOlder } from "./fleet"
import { HeldRunsTable } from "./HeldRuns"

export interface WorkerRowProps {
  readonly summary: Json.WorkerSummary
  readonly newest: string | undefined
  readonly now: number
  readonly isOpen: boolean
  readonly onToggle: () => void
}

export const columns = 10
export const workerCell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-2"
/** Columns that a narrow window has no room for. */
export const onlyWide = "max-[1101px]:hidden"

/** The agents of a worker, in words. */
export const agentsOf = (summary: Json.WorkerSummary): string => {
  const { agents } = toldBy(summary)
  return agents == null ? "any agent" : agents.join(", ")
}

export const NextExpiry = ({
  now,
  summary,
}: {
  readonly summary: Json.WorkerSummary
  readonly now: number
}) => {
  const { next_lease_expires_at: next, renewed_at: renewed } = summary
  if (next === null) return <span className="text-ink-3">–</span>
  const expiresAt = Date.parse(next)
  return (
    <LeaseLeft
      expiresAt={expiresAt}
      length={leaseLength(renewed === null ? expiresAt - 60_000 : Date.parse(renewed), expiresAt)}
      now={now}
    />
  )
}

export const WorkerRow = ({ isOpen, newest, now, onToggle, summary }: WorkerRowProps) => {
  const state = stateOf(summary, now)
  const { version } = toldBy(summary)
  const isOld = version != null && newest !== undefined && isOlder(version, newest)
  const bad = state === "silent" ? "font-medium text-failed" : "text-ink-2"
  const heard = heardFrom(summary)
  return (
    <>
      <tr className="transition-colors duration-[120ms] hover:bg-hover">
        <td className={workerCell}>
          <button
            type="button"
            data-row
            aria-expanded={isOpen}
            title={summary.worker.worker_key}
            onClick={onToggle}
            className="-ml-1.5 flex h-9 max-w-[200px] items-center gap-1.5 pl-1 font-medium"
          >
            <ChevronRight
              aria-hidden
              size={14}
              strokeWidth={2.2}
              className={`shrink-0 text-ink-3 transition-transform duration-[120ms] ${isOpen ? "rotate-90" : ""}`}
            />
            <span className="truncate">{nameOf(summary)}</span>
          </button>
        </td>
        <td className={workerCell}>
          <WorkerState state={state} />
        </td>
        <td className={`${workerCell} w-full max-w-0 truncate text-ink-2`} title={agentsOf(summary)}>
          {agentsOf(summary)}
        </td>
        <td className={`${workerCell} font-mono text-small text-ink-2 ${onlyWide}`}>
          {version ?? "–"} {isOld ? <span className="text-ink-3">old</span> : null}
        </td>
        <td className={workerCell}>
          <WorkerSlots summary={summary} state={state} />
        </td>
        <td className={`${workerCell} text-right text-ink-2 ${onlyWide}`}>{usedOfSlots(summary)}</td>
        <td className={workerCell}>
          <NextExpiry summary={summary} now={now} />
        </td>
        <td
          className={`${workerCell} text-right ${summary.lost_24h > 0 && state === "silent" ? bad : "text-ink-2"}`}
        >
          {integer(summary.lost_24h)}
        </td>
        <td className={`${workerCell} text-right ${bad}`} title={exact(heard)}>
          {silenceOf(summary, now)}
        </td>
        <td className={`${workerCell} text-right`}>
          <DrainButton summary={summary} state={state} />
        </td>
      </tr>
      {isOpen ? (
        <tr>
          <td colSpan={columns} className="border-t border-line p-0">
            <HeldRunsTable worker={summary.worker.id} now={now} />
          </td>
        </tr>
      ) : null}
    </>
  )
}
