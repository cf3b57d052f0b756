/** A worker as two lines of a phone's list. */
import { secondsLeft } from "../../format/leases"
import { usedOfSlots, WorkerSlots } from "../../ui/WorkerSlots"
import { WorkerState } from "../../ui/WorkerState"
import { nameOf, silenceOf, stateOf } from "../../ui/workers"
import { DrainButton } from "./DrainButton"
import { HeldRunsList } from "./HeldRuns"
import type { WorkerRowProps } from "./WorkerRow"

export const WorkerItem = ({ isOpen, now, onToggle, summary }: WorkerRowProps) => {
  const state = stateOf(summary, now)
  const silence = silenceOf(summary, now)
  const expires = summary.next_lease_expires_at
  const left = expires === null ? undefined : Date.parse(expires) - now
  return (
    <li className="border-t border-line first:border-t-0">
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={onToggle}
        className="grid min-h-[60px] w-full grid-cols-[18px_minmax(0,1fr)_auto] gap-x-2.5 px-3 py-2.5 text-left"
      >
        <span className="pt-[3px]">
          <WorkerState state={state} iconOnly />
        </span>
        <span className="truncate font-medium">{nameOf(summary)}</span>
        <span
          className={`text-right text-small leading-5 ${state === "silent" ? "text-failed" : "text-ink-3"}`}
        >
          {state === "silent" ? `${silence} silent` : `${silence} ago`}
        </span>
        <span className="col-start-2 flex items-center gap-2 text-small leading-[18px] text-ink-3">
          <WorkerSlots summary={summary} state={state} />
          {usedOfSlots(summary)}
        </span>
        <span className="text-right text-small leading-5 text-ink-3">
          {left === undefined ? "" : left > 0 ? `${secondsLeft(left)} left` : "run out"}
        </span>
      </button>
      {isOpen ? (
        <>
          <HeldRunsList worker={summary.worker.id} now={now} />
          <div className="mb-3 ml-10 flex justify-start empty:hidden">
            <DrainButton look="plain" summary={summary} state={state} />
          </div>
        </>
      ) : null}
    </li>
  )
}
