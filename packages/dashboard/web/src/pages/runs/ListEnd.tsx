/** The line after the last row that is loaded: more to come, where the search stopped, or that there is nothing. */
import { useQuery } from "@tanstack/react-query"
import type { ReactNode } from "react"
import { agentsQuery } from "../../api/project"
import { integer } from "../../format/numbers"
import { Button } from "../../ui/Button"
import { Empty } from "../../ui/Empty"
import { Skeleton, Trouble } from "../../ui/Loading"
import { wordOf } from "../../ui/State"
import { isNarrowed, isRootsOnly, noFilter, type RunFilter } from "./filter"
import { runHeight } from "./RunsTable"
import type { Runs } from "./useRuns"

interface Props {
  readonly project: string
  readonly filter: RunFilter
  readonly onChange: (filter: RunFilter) => void
  readonly runs: Runs
  /** Whether the project has runs at all; undefined until it is read. */
  readonly hasRuns: boolean | undefined
}

const Line = ({ children }: { readonly children: ReactNode }) => (
  <div className="flex min-h-11 flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2 text-ink-2">{children}</div>
)

const NoRuns = ({ project }: { readonly project: string }) => {
  const agents = useQuery(agentsQuery(project)).data ?? []
  return (
    <div className="pt-3">
      <Empty command={`runlease submit --agent ${agents[0]?.agent_id ?? "my-agent"} "Say hello"`}>
        No run has been submitted yet.
      </Empty>
    </div>
  )
}

const Children = ({ filter, onChange }: Pick<Props, "filter" | "onChange">) =>
  isRootsOnly(filter) ? (
    <>
      <span className="text-ink-3">Runs that other runs have spawned are left out.</span>
      <Button small look="quiet" onClick={() => onChange({ ...filter, children: true })}>
        Show children too
      </Button>
    </>
  ) : null

const None = ({ filter, hasRuns, onChange, project }: Omit<Props, "runs">) => {
  if (hasRuns === false) return <NoRuns project={project} />
  return (
    <Line>
      {isNarrowed(filter) ? (
        <>
          No {filter.status === undefined ? "" : `${wordOf(filter.status).toLowerCase()} `}run matches.
          <Button
            small
            onClick={() => onChange({ ...noFilter, status: filter.status, children: filter.children })}
          >
            Clear the filters
          </Button>
        </>
      ) : (
        `No run is ${filter.status === undefined ? "listed" : wordOf(filter.status).toLowerCase()}.`
      )}
      <Children filter={filter} onChange={onChange} />
    </Line>
  )
}

export const ListEnd = ({ runs, ...props }: Props) => {
  const { isComplete, lookedAt, query, rows } = runs
  if (query.isPending) return <Skeleton rows={12} height={runHeight} />
  if (query.data === undefined) {
    return query.error === null ? null : <Trouble error={query.error} retry={() => void query.refetch()} />
  }
  if (query.isFetchNextPageError && !query.isFetchingNextPage) {
    return <Trouble error={query.error} retry={() => void query.fetchNextPage()} />
  }
  if (query.isFetchingNextPage) return <Skeleton rows={lookedAt === undefined ? 6 : 1} height={runHeight} />
  if (lookedAt !== undefined) {
    return (
      <Line>
        Looked at the newest {integer(lookedAt)} runs{props.filter.to === undefined ? "" : " of that time"}
        {rows.length === 0 ? " and found none." : "."}
        <Button small onClick={() => void query.fetchNextPage()}>
          Look further
        </Button>
      </Line>
    )
  }
  if (!isComplete) return null
  if (rows.length === 0) return <None {...props} />
  return (
    <Line>
      <span className="text-ink-3">That is all.</span>
      <Children filter={props.filter} onChange={props.onChange} />
    </Line>
  )
}
