/** The page of a run: its lease, its conversation, its questions. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { useMemo } from "react"
import { useNow } from "../../ui/now"
import { QuestionPanel } from "./question/QuestionPanel"
import { budgetOf } from "./question/budgetLimits"
import { requestQuery, runQuery, summaryQuery, usageQuery } from "./data/queries"
import { useObstacle } from "./data/useObstacle"
import { useLog, useRunDetails, useRunsBelow, useRunStore } from "./data/useRun"
import { BudgetPanel } from "./facts/BudgetPanel"
import { FactsPanel } from "./facts/FactsPanel"
import { FailurePanel } from "./facts/FailurePanel"
import { ObstaclePanel } from "./facts/ObstaclePanel"
import { Lanes } from "./lanes/Lanes"
import type { Story } from "./lanes/segments"
import { answersById, openQuestions } from "./model/questions"
import { placeWords } from "./model/obstacle"
import { endedChildren } from "./model/runLog"
import type { Part, TextPart } from "./model/parts"
import { reasonsOf } from "./model/waits"
import { RunHead } from "./RunHead"
import { RunTabs } from "./RunTabs"

/** The budget of the tree: the root of it has the ledger. */
const useBudget = (summary: Json.RunSummary, run: Json.CanonicalRun | undefined) => {
  const isRoot = summary.root_run_id === summary.run_id
  const root = useQuery({ ...runQuery(summary.root_run_id), enabled: !isRoot, refetchInterval: 10_000 }).data
  return { budget: budgetOf(isRoot ? run : root), isRoot }
}

/** A text that its attempt has broken off. */
const isBroken = (part: Part): part is TextPart =>
  (part.kind === "text" || part.kind === "reasoning") && part.cut

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
              again={again}
              conversation={summary.conversation_id}
            />
          </div>
        </aside>
      </div>
    </div>
  )
}
