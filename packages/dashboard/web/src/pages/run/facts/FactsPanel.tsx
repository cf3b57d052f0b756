/** Ids, attempts, usage, and the runs that this one comes from and that came from it. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { scheduleOf, shortId } from "../../../format/ids"
import { dollars, integer, plural, short } from "../../../format/numbers"
import { duration } from "../../../format/times"
import { Panel } from "../../../ui/Panel"
import { colourOf, wordOf } from "../../../ui/State"
import { isRecord } from "../model/questions"
import type { LoggedEdits, LoggedRetry } from "../model/runLog"
import { Fact, FactList, linkClass } from "./FactList"
import { wholeRun } from "../../../shell/links"

const RunLink = ({ runId }: { readonly runId: string }) => (
  <Link
    to="/runs/$runId"
    params={{ runId }}
    search={wholeRun}
    className={`${linkClass} font-mono text-[12px]`}
    title={runId}
  >
    {shortId(runId)}
  </Link>
)

/** A run that names this one as its parent and is no child of it continues it, or does it again. */
const isChildOf = (summary: Json.RunSummary, parent: Json.RunSummary | undefined): boolean =>
  parent === undefined || parent.conversation_id !== summary.conversation_id

const retryWords = ({ answers, by, fromStart, records }: LoggedRetry): string => {
  const copied = [plural(records, "record"), ...(answers === 0 ? [] : [plural(answers, "answer")])]
  return `${by === null ? "" : `by ${by}, `}${fromStart ? "from the start" : `keeps ${copied.join(" and ")}`}`
}

/** Where a fork began, and what was edited in it. */
const Edits = ({ after, by, edits }: LoggedEdits) => (
  <span className="block text-small text-ink-3">
    after event {integer(after)}
    {by === null ? "" : `, by ${by}`}. Edited:
    {edits.map((edit) => (
      <span key={edit} className="block break-words">
        {edit}
      </span>
    ))}
  </span>
)

const Lineage = ({
  again,
  edits,
  parent,
  retry,
  summary,
}: {
  readonly summary: Json.RunSummary
  readonly retry: LoggedRetry | undefined
  readonly edits: LoggedEdits | undefined
  readonly parent: Json.RunSummary | undefined
  readonly again: ReadonlyArray<Json.RunSummary>
}) => {
  const { parent_run_id: parentId, root_run_id: rootId, run_id: runId } = summary
  return (
    <>
      {parentId === null ? null : (
        <Fact
          label={
            retry?.runId === parentId
              ? "Retry of"
              : edits?.runId === parentId
                ? "Fork of"
                : isChildOf(summary, parent)
                  ? "Child of"
                  : "Comes from"
          }
        >
          <RunLink runId={parentId} />
          {retry?.runId === parentId ? (
            <span className="block text-small text-ink-3">{retryWords(retry)}</span>
          ) : null}
          {edits?.runId === parentId ? <Edits {...edits} /> : null}
        </Fact>
      )}
      {retry === undefined || retry.runId === parentId ? null : (
        <Fact label="Retry of">
          <RunLink runId={retry.runId} />
          <span className="block text-small text-ink-3">{retryWords(retry)}</span>
        </Fact>
      )}
      {rootId === runId || rootId === parentId ? null : (
        <Fact label="Root">
          <RunLink runId={rootId} />
        </Fact>
      )}
      {again.length === 0 ? null : (
        <Fact label={again.length === 1 ? "Retry or fork" : "Retries and forks"}>
          <span className="flex flex-wrap justify-end gap-x-3">
            {again.map((run) => (
              <span key={run.run_id} className="whitespace-nowrap">
                <RunLink runId={run.run_id} />{" "}
                <span className={colourOf(run.status)}>{wordOf(run.status)}</span>
              </span>
            ))}
          </span>
        </Fact>
      )}
    </>
  )
}

const Used = ({
  summary,
  usage,
}: {
  readonly summary: Json.RunSummary
  readonly usage: Json.Usage | undefined
}) => (
  <>
    <Fact label="Tokens">
      <span title={`${integer(summary.tokens)} tokens`}>{short(summary.tokens)}</span>
    </Fact>
    <Fact label="Cost">
      {dollars(summary.cost)}
      {usage === undefined || usage.unfinished === 0 ? null : (
        <span className="block text-small text-ink-3">
          and {integer(usage.unfinished)} {usage.unfinished === 1 ? "answer" : "answers"} of unknown price
        </span>
      )}
    </Fact>
    {(usage?.usage ?? []).map(({ inputTokens, model, outputTokens, provider }) => (
      <Fact key={`${provider} ${model}`} label={model ?? provider ?? "Model"}>
        {short(inputTokens ?? 0)} in, {short(outputTokens ?? 0)} out
      </Fact>
    ))}
  </>
)

export const FactsPanel = ({
  again,
  conversation,
  edits,
  parent,
  request,
  retry,
  run,
  summary,
  usage,
}: {
  readonly summary: Json.RunSummary
  readonly run: Json.CanonicalRun | undefined
  readonly request: Json.Snapshot | undefined
  readonly usage: Json.Usage | undefined
  readonly parent: Json.RunSummary | undefined
  readonly retry: LoggedRetry | undefined
  readonly edits: LoggedEdits | undefined
  readonly again: ReadonlyArray<Json.RunSummary>
  readonly conversation: string
}) => {
  const holder = summary.claims.at(-1)
  const config = isRecord(run?.config) ? run.config : {}
  const lane = config["concurrency_key"]
  const fairness = config["fairness_key"]
  const version = config["version"]
  const ttl = config["ttl_seconds"]
  const timeout = config["timeout_seconds"]
  const schedule = scheduleOf(summary.run_id)
  const trace = request?.traceContext?.traceId
  return (
    <Panel title="Facts">
      <FactList>
        <Fact label="Id">
          <span className="font-mono text-[10.5px] tracking-[-0.05em] break-all">{summary.run_id}</span>
        </Fact>
        <Fact label="Attempt">
          {summary.attempt === 0
            ? `none counted yet, ${summary.max_attempts} at most`
            : `${summary.attempt} of ${summary.max_attempts}`}
        </Fact>
        {holder === undefined ? null : (
          <Fact label={holder.ended_at === null ? "Worker" : "Last worker"}>
            <Link to="/workers" search={{ open: holder.worker_id }} className={linkClass}>
              {holder.worker_name}
            </Link>
          </Fact>
        )}
        <Used summary={summary} usage={usage} />
        {summary.priority === 0 ? null : <Fact label="Priority">{summary.priority}</Fact>}
        {config["version_policy"] !== "pinned" ? null : (
          <Fact label="Version">
            {typeof version === "string" ? version || "without one" : "of its first worker"}
          </Fact>
        )}
        {typeof fairness !== "string" ? null : <Fact label="Fairness key">{fairness}</Fact>}
        {typeof ttl !== "number" ? null : <Fact label="Starts within">{duration(ttl * 1000)}</Fact>}
        {typeof timeout !== "number" ? null : <Fact label="Timeout">{duration(timeout * 1000)} of work</Fact>}
        {schedule === undefined ? null : (
          <Fact label="Schedule">
            <Link
              to="/schedules/$scheduleId"
              params={{ scheduleId: schedule }}
              className={`${linkClass} font-mono text-[12px]`}
            >
              {shortId(schedule)}
            </Link>
          </Fact>
        )}
        <Lineage summary={summary} parent={parent} retry={retry} edits={edits} again={again} />
        <Fact label="Conversation">
          <Link
            to="/conversations/$conversationId"
            params={{ conversationId: conversation }}
            className={`${linkClass} font-mono text-[12px]`}
          >
            {shortId(conversation)}
          </Link>
        </Fact>
        {typeof lane !== "string" || lane === summary.conversation_id ? null : (
          <Fact label="Concurrency key">
            <span className="font-mono text-[12px] break-all">{lane}</span>
          </Fact>
        )}
        {trace === undefined ? null : (
          <Fact label="Trace">
            <span className="block truncate font-mono text-[12px]" title={trace}>
              {trace.slice(0, 4)}…{trace.slice(-4)}
            </span>
          </Fact>
        )}
      </FactList>
    </Panel>
  )
}
