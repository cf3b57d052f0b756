/** The workers: a table, or a list on a phone. Its rows stay where they are while the pointer or the focus is on them. */
import type * as Json from "@runlease/http/Json"
import { SquareTerminal } from "lucide-react"
import { useRef, useState } from "react"
import { integer } from "../../format/numbers"
import { Button } from "../../ui/Button"
import { CommandLine } from "../../ui/CommandLine"
import { useRowKeys } from "../../ui/rowKeys"
import { Skeleton } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { useSteadyOrder } from "../../ui/steadyOrder"
import { isHere } from "../../ui/workers"
import { headCell, rightHeadCell } from "../../ui/tableHead"
import { workerCommand } from "./commands"
import { inOrder, newestVersion } from "./fleet"
import { useOpenWorkers } from "./openWorkers"
import { columns, onlyWide, WorkerRow } from "./WorkerRow"
import { WorkerItem } from "./WorkerItem"

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
