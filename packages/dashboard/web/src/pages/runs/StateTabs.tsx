/** The states as tabs, each with how many runs are in it. */
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { statisticsQuery } from "../../api/project"
import { integer } from "../../format/numbers"
import { StateIcon, wordOf, type RunStatus } from "../../ui/State"
import { searchOf, type RunFilter } from "./filter"
import { countsSpan } from "./useRuns"

const order: ReadonlyArray<RunStatus> = ["pending", "running", "waiting", "failed", "completed", "cancelled"]

type Counts = Readonly<Record<RunStatus, number>>

/** The runs of a project, or of one agent, by state; undefined until they are known. */
export const useCounts = (project: string, agent: string | undefined): Counts | undefined => {
  const { data } = useQuery(statisticsQuery(project, countsSpan))
  if (data === undefined) return undefined
  const counted = data.counts.filter(({ agent_id }) => agent === undefined || agent_id === agent)
  const sum = (status: RunStatus): number => counted.reduce((total, { runs }) => total + runs[status], 0)
  return {
    pending: sum("pending"),
    running: sum("running"),
    waiting: sum("waiting"),
    completed: sum("completed"),
    failed: sum("failed"),
    cancelled: sum("cancelled"),
  }
}

export const StateTabs = ({
  counts,
  filter,
}: {
  readonly counts: Counts | undefined
  readonly filter: RunFilter
}) => {
  const all = counts && order.reduce((total, status) => total + counts[status], 0)
  return (
    <nav
      aria-label="State"
      title={`All runs${filter.agent === undefined ? "" : ` of ${filter.agent}`} are counted, whatever else is filtered`}
      className="-ml-2 flex gap-1 overflow-x-auto [scrollbar-width:none] max-desk:-mx-3 max-desk:px-3"
    >
      {[undefined, ...order].map((status) => {
        const isCurrent = filter.status === status
        const count = status === undefined ? all : counts?.[status]
        return (
          <Link
            key={status ?? "all"}
            to="/runs"
            search={searchOf({ ...filter, status })}
            preload={false}
            aria-current={isCurrent ? "true" : undefined}
            className={`inline-flex h-8 items-center gap-1.5 rounded-2 px-2.5 font-medium whitespace-nowrap max-desk:h-11 focus-visible:-outline-offset-2 ${
              isCurrent
                ? "bg-surface text-ink shadow-[inset_0_0_0_1px_var(--line-2)]"
                : "text-ink-2 hover:bg-hover"
            }`}
          >
            {status === undefined ? null : <StateIcon status={status} />}
            {status === undefined ? "All" : wordOf(status)}
            {count === undefined ? null : (
              <span className="text-small font-normal text-ink-3">{integer(count)}</span>
            )}
          </Link>
        )
      })}
    </nav>
  )
}
