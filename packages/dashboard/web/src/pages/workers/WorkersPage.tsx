/** Who is silent, which leases run out when, and what became of the runs of those that were lost. */
import type * as Json from "@runlease/http/Json"
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { Unplug } from "lucide-react"
import { lazy, Suspense } from "react"
import {
  attentionQuery,
  heldQuery,
  lostLeasesQuery,
  statisticsQuery,
  useProjectLive,
  workersQuery,
} from "../../api/project"
import { useSession } from "../../api/session"
import { integer, plural } from "../../format/numbers"
import { duration } from "../../format/times"
import { Page } from "../../shell/Page"
import { noRunsSearch } from "../../shell/links"
import { Button } from "../../ui/Button"
import { Figure, figureCell, FigureStrip } from "../../ui/FigureStrip"
import { Trouble } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { heldRuns, orphaned, silenceOutcome } from "../../ui/silence"
import { heldBy, isHere, isSilent, nameOf, silenceOf, slotsOf } from "../../ui/workers"
import { countsOf } from "../overview/totals"
import { LostLeases } from "./LostLeases"
import { WorkersTable, useOpenWorkers } from "./WorkersTable"
import { lossesOf, median, takenOverAfter } from "./fleet"

/** Says of a silent worker what becomes of its runs. */
const SilentNotice = ({
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

interface Figures {
  /** All that the server lists, and those of them that are here. */
  readonly all: ReadonlyArray<Json.WorkerSummary> | undefined
  readonly here: ReadonlyArray<Json.WorkerSummary>
  readonly statistics: Json.ProjectStatistics | undefined
  readonly attention: Json.Attention | undefined
  readonly lost: ReadonlyArray<Json.LostLease> | undefined
  readonly now: number
}

const unknown = "–"

/** Claims in the last minute that is over. */
const claims = ({ periods }: Json.ProjectStatistics): number => periods.at(-2)?.claimed ?? 0

/** What the workers of the project add up to. */
const WorkerFigures = ({ all, attention, here, lost, now, statistics }: Figures) => {
  const { slots, used } = slotsOf(here)
  const silent = here.filter((worker) => isSilent(worker, now)).length
  const oldest = attention?.oldest_pending
  const after = median((lost ?? []).flatMap((one) => takenOverAfter(one) ?? []))
  return (
    <FigureStrip label="Capacity">
      <div className={figureCell}>
        <Figure
          label="Workers"
          value={all === undefined ? unknown : integer(here.length)}
          note={silent === 0 ? "" : `${integer(here.length - silent)} heard from`}
        />
      </div>
      <div className={figureCell}>
        <Figure
          label="Slots in use"
          value={all === undefined ? unknown : integer(used)}
          note={slots === 0 ? "" : `of ${integer(slots)}`}
        />
      </div>
      <Link
        to="/runs"
        search={{ ...noRunsSearch, state: "pending" }}
        className={`${figureCell} transition-colors duration-[120ms] hover:bg-hover focus-visible:-outline-offset-2`}
      >
        <Figure
          label="Runs pending"
          value={statistics === undefined ? unknown : integer(countsOf(statistics).pending)}
          note={
            oldest == null ? "" : `oldest ${duration(Math.max(1000, now - Date.parse(oldest.available_at)))}`
          }
        />
      </Link>
      <div className={figureCell}>
        <Figure
          label="Claims"
          value={statistics === undefined ? unknown : integer(claims(statistics))}
          note="last minute"
        />
      </div>
      <div className={figureCell}>
        <Figure
          label="Leases lost"
          value={all === undefined ? unknown : integer(lossesOf(all).total)}
          note="24 hours"
        />
      </div>
      <div className={figureCell}>
        <Figure
          label="Taken over in"
          value={after === undefined ? unknown : duration(after)}
          note={after === undefined ? "" : "median"}
        />
      </div>
    </FigureStrip>
  )
}

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
