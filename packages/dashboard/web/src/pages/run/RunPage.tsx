/** The page of a run. */
import type * as Json from "@runlease/http/Json"
import { useQuery } from "@tanstack/react-query"
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router"
import { Search } from "lucide-react"
import { useMemo, useState } from "react"
import { ApiError } from "../../api/client"
import { shortId } from "../../format/ids"
import { Page } from "../../shell/Page"
import { noRunsSearch } from "../../shell/links"
import { Button } from "../../ui/Button"
import { Skeleton, Trouble } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { RunHead } from "./RunHead"
import { RunTabs } from "./RunTabs"
import { requestQuery, runQuery, summaryQuery, usageQuery } from "./data/queries"
import { useObstacle } from "./data/useObstacle"
import { useLog, useRunDetails, useRunsBelow, useRunStore } from "./data/useRun"
import { BudgetPanel } from "./facts/BudgetPanel"
import { FactsPanel } from "./facts/FactsPanel"
import { FailurePanel } from "./facts/FailurePanel"
import { ObstaclePanel } from "./facts/ObstaclePanel"
import { Lanes } from "./lanes/Lanes"
import type { Story } from "./lanes/segments"
import { placeWords } from "./model/obstacle"
import type { Part, TextPart } from "./model/parts"
import { answersById, openQuestions } from "./model/questions"
import { endedChildren } from "./model/runLog"
import { reasonsOf } from "./model/waits"
import { QuestionPanel } from "./question/QuestionPanel"
import { budgetOf } from "./question/budgetLimits"

/** The page of a run that does not exist: a way to find another. */
const RunMissing = ({ runId }: { readonly runId: string }) => {
  const navigate = useNavigate()
  const [text, setText] = useState(shortId(runId))
  return (
    <section className="grid max-w-[520px] gap-3 rounded-3 border border-line bg-surface p-4">
      <h1 className="text-title font-semibold">
        No run <span className="font-mono text-[15px]">{shortId(runId)}</span> in this project
      </h1>
      <p className="text-ink-2">
        It may belong to another project, or have been pruned. A run is found by its title and by the end of
        its id.
      </p>
      <form
        role="search"
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault()
          void navigate({
            to: "/runs",
            search: { ...noRunsSearch, q: text.trim() === "" ? undefined : text.trim() },
          })
        }}
      >
        <label className="relative min-w-0 grow">
          <span className="sr-only">Search the runs</span>
          <Search aria-hidden size={16} className="absolute top-[7px] left-2.5 text-ink-3 max-desk:top-3.5" />
          <input
            type="search"
            value={text}
            onChange={(event) => setText(event.target.value)}
            className="h-[30px] w-full rounded-2 border border-edge bg-surface pr-2 pl-8 max-desk:h-11 max-desk:text-[16px]"
          />
        </label>
        <Button type="submit">Search</Button>
      </form>
    </section>
  )
}

/** The budget of the tree: the root of it has the ledger. */
const useBudget = (summary: Json.RunSummary, run: Json.CanonicalRun | undefined) => {
  const isRoot = summary.root_run_id === summary.run_id
  const root = useQuery({ ...runQuery(summary.root_run_id), enabled: !isRoot, refetchInterval: 10_000 }).data
  return { budget: budgetOf(isRoot ? run : root), isRoot }
}

/** A text that its attempt has broken off. */
const isBroken = (part: Part): part is TextPart =>
  (part.kind === "text" || part.kind === "reasoning") && part.cut

/** The page of a run: its lease, its conversation, its questions. */
export const Run = ({
  error,
  summary,
}: {
  readonly summary: Json.RunSummary
  readonly error: Error | null
}) => {
  const { run_id: runId } = summary
  const store = useRunStore(runId, true)
  const version = useLog(store)
  const { log } = store
  const { request, requestError, run } = useRunDetails(summary)
  const { again, children } = useRunsBelow(summary, log)
  const ticking = useNow()
  const isAtWork = summary.finished_at === null || children.some(({ finished_at }) => finished_at === null)
  const now = isAtWork
    ? ticking
    : Math.max(Date.parse(summary.updated_at), Date.parse(summary.finished_at ?? summary.updated_at))
  const usage = useQuery({
    ...usageQuery(runId),
    enabled: summary.tokens > 0 || summary.finished_at !== null,
  }).data
  const parent = useQuery({
    ...summaryQuery(summary.parent_run_id ?? ""),
    enabled: summary.parent_run_id !== null,
  }).data
  const { budget, isRoot } = useBudget(summary, run)
  const requestAgain = useQuery({ ...requestQuery(runId), enabled: false })
  const questions = openQuestions(summary.waiting)
  const answers = useMemo(() => answersById(request, summary.waiting), [request, summary.waiting])
  const takeovers = useMemo(() => log.parts.filter((part) => part.kind === "takeover"), [log, version])
  const broken = useMemo(() => log.parts.filter(isBroken), [log, version])
  const stuck = useObstacle(summary, run)
  const place = stuck === undefined ? undefined : placeWords[stuck.obstacle.kind]
  const story: Story = useMemo(
    () => ({
      run: summary,
      isRead: log.lastId >= summary.latest_event_id,
      children,
      steps: log.steps,
      broken,
      takeovers,
      waits: log.waits,
      waitsFor: reasonsOf(summary.waiting, endedChildren(log), now),
      place,
      now,
    }),
    [summary, children, log, version, broken, takeovers, now, place],
  )
  return (
    <div className="max-desk:flex max-desk:flex-col max-desk:gap-3">
      <RunHead summary={summary} log={log} now={ticking} />
      {summary.status === "failed" ? <FailurePanel summary={summary} /> : null}
      {error === null ? null : (
        <p role="alert" className="mb-3 rounded-3 border border-failed bg-failed-bg px-4 py-2.5">
          {error.message}. What is shown may be old; the stream of the page continues by itself.
        </p>
      )}
      <div className="max-desk:order-2">
        <Lanes story={story} />
      </div>
      <div className="mt-3 grid grid-cols-[minmax(0,1fr)_348px] items-start gap-4 max-[1100px]:grid-cols-[minmax(0,1fr)] max-desk:contents">
        <RunTabs
          summary={summary}
          log={log}
          version={version}
          request={request}
          requestError={requestError}
          onRetryRequest={() => void requestAgain.refetch()}
          answers={answers}
          childRuns={children}
          place={place}
          now={now}
        />
        <aside
          aria-label="Answer and facts"
          className="sticky top-16 grid max-h-[calc(100vh-76px)] min-w-0 grid-cols-[minmax(0,1fr)] gap-3 overflow-y-auto rounded-3 [scrollbar-width:thin] max-[1100px]:static max-[1100px]:max-h-none max-[1100px]:-order-1 max-desk:contents"
        >
          {stuck === undefined ? null : (
            <div className="min-w-0 max-desk:order-1">
              <ObstaclePanel {...stuck} />
            </div>
          )}
          {questions.length === 0 ? null : (
            <div className="min-w-0 max-desk:order-1">
              <QuestionPanel questions={questions} summary={summary} log={log} budget={budget} now={now} />
            </div>
          )}
          <div className="grid min-w-0 gap-3 max-desk:order-4">
            {budget === undefined ? null : (
              <BudgetPanel
                budget={budget}
                note={isRoot ? "with its children" : "of its root, for the whole tree"}
              />
            )}
            <FactsPanel
              summary={summary}
              run={run}
              request={request}
              usage={usage}
              parent={parent}
              retry={log.retry}
              edits={log.edits}
              again={again}
              conversation={summary.conversation_id}
            />
          </div>
        </aside>
      </div>
    </div>
  )
}

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
