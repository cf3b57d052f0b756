/** The workers: a table, or a list on a phone. Its rows stay where they are while the pointer or the focus is on them. */
import type * as Json from "@runlease/http/Json"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { ChevronRight, SquareTerminal } from "lucide-react"
import { useRef, useState } from "react"
import { leaseLength, secondsLeft } from "../../format/leases"
import { integer } from "../../format/numbers"
import { exact } from "../../format/times"
import { Button } from "../../ui/Button"
import { CommandLine } from "../../ui/Copy"
import { LeaseLeft } from "../../ui/LeaseLeft"
import { Skeleton } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { usedOfSlots, WorkerSlots } from "../../ui/Slots"
import { WorkerState } from "../../ui/StateWord"
import { headCell, rightHeadCell } from "../../ui/look"
import { useRowKeys } from "../../ui/rowKeys"
import { useSteadyOrder } from "../../ui/steadyOrder"
import { heardFrom, isHere, nameOf, silenceOf, stateOf, toldBy } from "../../ui/workers"
import { DrainButton } from "./DrainButton"
import { HeldRunsList, HeldRunsTable } from "./HeldRuns"
import { workerCommand } from "./commands"
import { inOrder, isOlder, newestVersion } from "./fleet"

/** In place of a worker: the dialog that says how to start one. */
const adding = "add"

/** Which workers are opened, as the address of the page has it. */
export const useOpenWorkers = () => {
  const { open } = useSearch({ from: "/signed-in/workers" })
  const navigate = useNavigate()
  const ids = open === undefined ? [] : open.split(",")
  const set = (next: ReadonlyArray<string>) =>
    void navigate({
      to: "/workers",
      search: { open: next.length === 0 ? undefined : next.join(",") },
      replace: true,
      resetScroll: false,
    })
  const toggle = (id: string) => set(ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id])
  return {
    isOpen: (id: string) => ids.includes(id),
    toggle,
    isAdding: ids.includes(adding),
    toggleAdding: () => toggle(adding),
  }
}

interface WorkerRowProps {
  readonly summary: Json.WorkerSummary
  readonly newest: string | undefined
  readonly now: number
  readonly isOpen: boolean
  readonly onToggle: () => void
}

const columns = 10

const workerCell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-2"

/** Columns that a narrow window has no room for. */
const onlyWide = "max-[1101px]:hidden"

/** The agents of a worker, in words. */
const agentsOf = (summary: Json.WorkerSummary): string => {
  const { agents } = toldBy(summary)
  return agents == null ? "any agent" : agents.join(", ")
}

const NextExpiry = ({ now, summary }: { readonly summary: Json.WorkerSummary; readonly now: number }) => {
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

const WorkerRow = ({ isOpen, newest, now, onToggle, summary }: WorkerRowProps) => {
  const state = stateOf(summary, now)
  const { version: program } = toldBy(summary)
  const version = summary.worker.version ?? program
  const isOld = program != null && newest !== undefined && isOlder(program, newest)
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

/** A worker as two lines of a phone's list. */
const WorkerItem = ({ isOpen, now, onToggle, summary }: WorkerRowProps) => {
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

export const WorkersTable = ({
  now,
  workers,
}: {
  readonly workers: ReadonlyArray<Json.WorkerSummary> | undefined
  readonly now: number
}) => {
  const [showsLeft, setShowsLeft] = useState(false)
  const open = useOpenWorkers()
  const box = useRef<HTMLTableElement>(null)
  useRowKeys(box, "worker")
  const all = workers ?? []
  const here = all.filter((worker) => isHere(worker, now))
  const left = all.length - here.length
  const newest = newestVersion(here)
  const { hold, rows } = useSteadyOrder(inOrder(showsLeft ? all : here, now), ({ worker }) => worker.id)
  const propsOf = (summary: Json.WorkerSummary) => ({
    summary,
    newest,
    now,
    isOpen: open.isOpen(summary.worker.id),
    onToggle: () => open.toggle(summary.worker.id),
  })
  return (
    <Panel
      title="Workers"
      note={
        here.length > 1 ? <span className="max-desk:hidden">silent ones first, then by name</span> : undefined
      }
      aside={
        <>
          {left === 0 ? null : (
            <label className="flex items-center gap-1.5 text-ink-2 max-desk:min-h-11">
              <input
                type="checkbox"
                checked={showsLeft}
                onChange={() => setShowsLeft(!showsLeft)}
                className="relative size-4 shrink-0 appearance-none rounded-1 border border-edge bg-surface checked:border-accent checked:bg-accent checked:after:absolute checked:after:top-[3px] checked:after:left-[3px] checked:after:h-1 checked:after:w-2 checked:after:-rotate-45 checked:after:border-b-2 checked:after:border-l-2 checked:after:border-surface checked:after:content-['']"
              />
              Show {integer(left)} that left
            </label>
          )}
          <Button small aria-haspopup="dialog" onClick={open.toggleAdding}>
            <SquareTerminal aria-hidden size={14} className="text-ink-3" />
            Add a worker
          </Button>
        </>
      }
    >
      {workers !== undefined && rows.length === 0 ? (
        <div className="grid gap-3 px-4 pt-1 pb-4 max-desk:px-3">
          <p className="text-ink-2">No worker is here. Pending runs wait until one is.</p>
          <CommandLine text={workerCommand("program")} />
        </div>
      ) : (
        <div {...hold}>
          <div className="overflow-x-auto max-desk:hidden">
            <table ref={box} className="w-full border-collapse">
              <thead>
                <tr>
                  <th className={headCell}>Worker</th>
                  <th className={headCell}>State</th>
                  <th className={headCell}>Agents</th>
                  <th className={`${headCell} ${onlyWide}`}>Version</th>
                  <th className={headCell}>Slots</th>
                  <th className={`${rightHeadCell} ${onlyWide}`}>In use</th>
                  <th className={headCell}>Next lease runs out</th>
                  <th className={rightHeadCell}>Lost, 24 h</th>
                  <th className={rightHeadCell}>Heard from</th>
                  <th className={headCell}>
                    <span className="sr-only">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {rows.map((summary) => (
                  <WorkerRow key={summary.worker.id} {...propsOf(summary)} />
                ))}
                {workers === undefined ? (
                  <tr>
                    <td colSpan={columns} className="p-0">
                      <Skeleton rows={4} />
                    </td>
                  </tr>
                ) : null}
              </tbody>
            </table>
          </div>
          <ul className="border-t border-line desk:hidden">
            {rows.map((summary) => (
              <WorkerItem key={summary.worker.id} {...propsOf(summary)} />
            ))}
          </ul>
        </div>
      )}
    </Panel>
  )
}
