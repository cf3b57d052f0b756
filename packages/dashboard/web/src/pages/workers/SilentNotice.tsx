/** Says of a silent worker what becomes of its runs. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { Unplug } from "lucide-react"
import { heldQuery } from "../../api/project"
import { plural } from "../../format/numbers"
import { Button } from "../../ui/Button"
import { heldRuns, orphaned, silenceOutcome } from "../../ui/silence"
import { heldBy, nameOf, silenceOf } from "../../ui/workers"

export const SilentNotice = ({
  counts,
  now,
  onAdd,
  worker,
  workers,
}: {
  readonly worker: Json.WorkerSummary
  readonly workers: ReadonlyArray<Json.WorkerSummary>
  readonly counts: Json.ProjectStatistics["counts"]
  readonly now: number
  readonly onAdd: () => void
}) => {
  const holds = heldBy(worker) > 0
  const leases = useQuery({ ...heldQuery(worker.worker.id), enabled: holds })
  const runs = !holds ? [] : leases.data === undefined ? undefined : heldRuns(leases.data)
  const count = runs?.length ?? heldBy(worker)
  const isAlone = orphaned(worker, runs ?? [], workers, counts, now).length > 0
  const title = `${nameOf(worker)} has been silent for ${silenceOf(worker, now)}${count === 0 ? "" : ` and holds ${plural(count, "run")}`}.`
  const add = (className: string) => (
    <Button small className={className} onClick={onAdd}>
      Start another
    </Button>
  )
  return (
    <section
      aria-label={`Silent worker ${nameOf(worker)}`}
      className="flex items-start gap-2.5 rounded-3 border border-failed bg-failed-bg px-4 py-2.5 max-desk:px-3"
    >
      <Unplug aria-hidden size={16} strokeWidth={1.9} className="mt-0.5 shrink-0 text-failed" />
      <div className="min-w-0 grow">
        <b className="font-semibold">{title}</b>
        <p className="text-ink-2">{silenceOutcome(worker, runs, workers, counts, now)}</p>
        {isAlone ? add("mt-2 desk:hidden") : null}
      </div>
      {isAlone ? add("shrink-0 max-desk:hidden") : null}
    </section>
  )
}
