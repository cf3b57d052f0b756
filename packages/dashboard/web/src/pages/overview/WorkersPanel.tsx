/** The workers that are here: the silent ones first, then by name. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { integer } from "../../format/numbers"
import { buttonClass } from "../../ui/Button"
import { Skeleton } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { WorkerSlots } from "../../ui/WorkerSlots"
import { WorkerState } from "../../ui/WorkerState"
import { isHere, nameOf, silenceOf, slotsOf, stateOf } from "../../ui/workers"
import { inOrder } from "../workers/fleet"
import { headCell } from "../../ui/tableHead"
import { cell, cellLink } from "./TableCells"

const firstRows = 5

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
