/** Who is silent, which leases run out when, and what became of the runs of those that were lost. */
import { useQuery } from "@tanstack/react-query"
import { lazy, Suspense } from "react"
import {
  attentionQuery,
  lostLeasesQuery,
  statisticsQuery,
  useProjectLive,
  workersQuery,
} from "../../api/project"
import { useSession } from "../../api/session"
import { Page } from "../../shell/Page"
import { useNow } from "../../ui/now"
import { Trouble } from "../../ui/Trouble"
import { heldBy, isHere, isSilent } from "../../ui/workers"
import { LostLeases } from "./LostLeases"
import { useOpenWorkers } from "./openWorkers"
import { SilentNotice } from "./SilentNotice"
import { WorkerFigures } from "./WorkerFigures"
import { WorkersTable } from "./WorkersTable"

const AddWorker = lazy(() => import("./AddWorker"))

const lastHour = { step: "minute", last: 60 } as const
/** More silent workers are found in the table. */
const mostNotices = 3

const WorkersPage = () => {
  const { slug } = useSession().project
  useProjectLive({ span: lastHour })
  const workers = useQuery(workersQuery(slug))
  const statistics = useQuery(statisticsQuery(slug, lastHour)).data
  const attention = useQuery(attentionQuery(slug)).data
  const lost = useQuery(lostLeasesQuery(slug)).data
  const now = useNow()
  const { isAdding, toggleAdding } = useOpenWorkers()

  const all = workers.data ?? []
  const here = all.filter((worker) => isHere(worker, now))
  const silent = here
    .filter((worker) => isSilent(worker, now))
    .toSorted((a, b) => heldBy(b) - heldBy(a))
    .slice(0, mostNotices)
  return (
    <Page title="Workers">
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4 max-desk:gap-3">
        {workers.error !== null && workers.data === undefined ? (
          <div className="rounded-3 border border-line bg-surface">
            <Trouble error={workers.error} retry={() => void workers.refetch()} />
          </div>
        ) : null}
        {silent.map((worker) => (
          <SilentNotice
            key={worker.worker.id}
            worker={worker}
            workers={here}
            counts={statistics?.counts ?? []}
            now={now}
            onAdd={toggleAdding}
          />
        ))}
        <WorkerFigures
          all={workers.data}
          here={here}
          statistics={statistics}
          attention={attention}
          lost={lost}
          now={now}
        />
        <WorkersTable workers={workers.data} now={now} />
        <LostLeases workers={all} now={now} />
      </div>
      {isAdding ? (
        <Suspense fallback={null}>
          <AddWorker onClose={toggleAdding} />
        </Suspense>
      ) : null}
    </Page>
  )
}

export default WorkersPage
