/** The states as tabs, each with how many runs are in it. */
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { statisticsQuery } from "../../api/project"
import { integer } from "../../format/numbers"
import { StateIcon, wordOf, type RunStatus } from "../../ui/State"
import { isNarrowed, isRootsOnly, searchOf, type RunFilter } from "./filter"
import { countsSpan, runCountsQuery } from "./useRuns"

const order: ReadonlyArray<RunStatus> = ["pending", "running", "waiting", "failed", "completed", "cancelled"]

type Counts = Readonly<Record<RunStatus, number>>

/** `counts` is undefined until it is read. `isWhole`: no further runs are among them. */
export interface Counted {
  readonly counts: Counts | undefined
  readonly isWhole: boolean
  readonly note: string
}

const sumOf = (data: Json.ProjectStatistics, agent: string | undefined): Counts => {
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

/** Whether the runs of a filter are those that the statistics count: of all agents or one, with children. */
const isCounted = (filter: RunFilter): boolean =>
  !isRootsOnly(filter) && !isNarrowed({ ...filter, agent: undefined })

/** The runs of a filter by state, whatever state it names; `all` are those of the project. */
export const useCounts = (
  project: string,
  filter: RunFilter,
): Counted & { readonly all: Counts | undefined } => {
  const statistics = useQuery(statisticsQuery(project, countsSpan)).data
  const byStatistics = isCounted(filter)
  const found = useQuery({ ...runCountsQuery(project, filter), enabled: !byStatistics }).data
  const all = statistics && sumOf(statistics, undefined)
  const ofAgent = statistics && sumOf(statistics, filter.agent)
  const whose = filter.agent === undefined ? "" : ` of ${filter.agent}`
  if (byStatistics) return { all, counts: ofAgent, isWhole: true, note: `All runs${whose}` }
  if (found === undefined || found.whole) {
    return { all, counts: found?.counts, isWhole: true, note: "The runs of this filter" }
  }
  // Where there are too many runs to look at, the counts without children include them.
  return isNarrowed({ ...filter, agent: undefined })
    ? { all, counts: found.counts, isWhole: false, note: `Of the newest ${integer(found.searched)} runs` }
    : { all, counts: ofAgent, isWhole: true, note: `All runs${whose}, with children` }
}

export const StateTabs = ({ counts, filter, isWhole, note }: Counted & { readonly filter: RunFilter }) => {
  const all = counts && order.reduce((total, status) => total + counts[status], 0)
  return (
    <nav
      aria-label="State"
      title={note}
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
              <span className="text-small font-normal text-ink-3">
                {integer(count)}
                {isWhole ? "" : "+"}
              </span>
            )}
          </Link>
        )
      })}
    </nav>
  )
}
