/** The page of a run. */
import { useQuery } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import { ApiError } from "../../api/client"
import { shortId } from "../../format/ids"
import { Page } from "../../shell/Page"
import { Skeleton } from "../../ui/Loading"
import { Trouble } from "../../ui/Trouble"
import { summaryQuery } from "./data/queries"
import { Run } from "./Run"
import { RunMissing } from "./RunMissing"
import { noRunsSearch } from "../../shell/links"

const route = getRouteApi("/signed-in/runs/$runId")

const Crumbs = ({ runId }: { readonly runId: string }) => (
  <nav aria-label="Breadcrumb" className="truncate text-title font-semibold tracking-tight whitespace-nowrap">
    <Link to="/runs" search={noRunsSearch} className="font-medium text-ink-3 hover:text-ink">
      Runs
    </Link>
    <span aria-hidden className="mx-1.5 font-normal text-ink-3">
      /
    </span>
    <span aria-current="page">{shortId(runId)}</span>
  </nav>
)

const isMissing = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 404 || error.status === 400)

const RunPage = () => {
  const { runId } = route.useParams()
  const summary = useQuery(summaryQuery(runId))
  const title = summary.data?.title ?? `Run ${shortId(runId)}`
  return (
    <Page title={title} heading={<Crumbs runId={runId} />}>
      {summary.data !== undefined ? (
        <Run key={runId} summary={summary.data} error={summary.error} />
      ) : isMissing(summary.error) ? (
        <RunMissing runId={runId} />
      ) : summary.error !== null ? (
        <div className="rounded-3 border border-line bg-surface">
          <Trouble error={summary.error} retry={() => void summary.refetch()} />
        </div>
      ) : (
        <Skeleton rows={8} />
      )}
    </Page>
  )
}

export default RunPage
