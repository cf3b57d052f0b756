/** The title of a run, its state, and what can be done with it. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import type { ReactNode } from "react"
import { ago, duration, exact, when } from "../../format/times"
import { StateChip, wordOf } from "../../ui/State"
import { RunActions } from "./actions/RunActions"
import { endedChildren, type RunLog } from "./model/runLog"
import { waitingWord } from "./model/waits"
import { noRunsSearch } from "../../shell/links"
import { Label, labelChip } from "../../ui/Label"
import { addLabel } from "../runs/filter"
import { labelTexts } from "../runs/labels"

const stateWord = (summary: Json.RunSummary, log: RunLog, now: number): string => {
  const { attempt, claims, error, max_attempts, status } = summary
  const holder = claims.at(-1)
  switch (status) {
    case "waiting":
      return waitingWord(summary.waiting, endedChildren(log), now)
    case "running":
      return holder === undefined ? wordOf(status) : `Running on ${holder.worker_name}`
    case "pending":
      return attempt > 0 && holder !== undefined && attempt < max_attempts ? "Pending again" : wordOf(status)
    case "failed":
      return error?.code == null ? wordOf(status) : `Failed: ${error.code}`
    default:
      return wordOf(status)
  }
}

const Fact = ({ children, label }: { readonly label: string; readonly children: ReactNode }) => (
  <span>
    {label} {children}
  </span>
)

const strong = "font-medium text-ink-2"

const Ended = ({ summary }: { readonly summary: Json.RunSummary }) => {
  const { finished_at, started_at } = summary
  if (finished_at === null || started_at === null) return null
  return (
    <Fact label="Took">
      <b className={strong}>{duration(Date.parse(finished_at) - Date.parse(started_at))}</b>
    </Fact>
  )
}

/** The labels, as links to all runs that have them. */
const RunLabels = ({ summary }: { readonly summary: Json.RunSummary }) => {
  const labels = labelTexts(summary)
  if (labels.length === 0) return null
  return (
    <span className="flex min-w-0 flex-wrap items-center gap-1">
      <span className="mr-1">Labels</span>
      {labels.map((label) => (
        <Link
          key={label}
          to="/runs"
          search={addLabel(noRunsSearch, label)}
          aria-label={label}
          title={`Runs with ${label}`}
          className={`${labelChip} hover:border-edge hover:text-ink max-desk:h-8 max-desk:px-2`}
        >
          <Label text={label} />
        </Link>
      ))}
    </span>
  )
}

export const RunHead = ({
  log,
  now,
  summary,
}: {
  readonly summary: Json.RunSummary
  readonly log: RunLog
  readonly now: number
}) => {
  const created = Date.parse(summary.created_at)
  return (
    <div className="mb-3 flex items-start gap-4 max-desk:order-0 max-desk:mb-0 max-desk:block">
      <div className="min-w-0 grow">
        <h1 className="text-run font-semibold tracking-[-0.012em] break-words max-desk:text-[17px] max-desk:leading-6">
          {summary.title ?? `A run of ${summary.agent_id}`}
        </h1>
        <div className="mt-1.5 flex flex-wrap items-center gap-x-4 gap-y-1 text-small leading-5 text-ink-3">
          <StateChip status={summary.status} word={stateWord(summary, log, now)} />
          <Fact label="Agent">
            <Link
              to="/runs"
              search={{ ...noRunsSearch, agent: summary.agent_id }}
              className={`${strong} hover:text-ink hover:underline`}
            >
              {summary.agent_id}
            </Link>
          </Fact>
          <Fact label="Submitted">
            <time dateTime={summary.created_at} title={exact(created)}>
              <b className={strong}>{when(created, now)}</b>, {ago(created, now)}
            </time>
          </Fact>
          <Ended summary={summary} />
          <RunLabels summary={summary} />
        </div>
      </div>
      <RunActions summary={summary} log={log} />
    </div>
  )
}
