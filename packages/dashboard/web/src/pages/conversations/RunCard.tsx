/** A run of a conversation: a link to it, with what became of it. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { shortId } from "../../format/ids"
import { exact, when } from "../../format/times"
import { useNow } from "../../ui/now"
import { State } from "../../ui/State"
import { Cost, Tokens, Took } from "../runs/figures"
import { MiniLane } from "../../ui/MiniLane"
import { wholeRun } from "../../shell/links"

interface Props {
  readonly run: Json.RunSummary
  /** Whether the title says more than the message above. */
  readonly isTitled: boolean
}

export const RunCard = ({ isTitled, run }: Props) => {
  const at = Date.parse(run.created_at)
  const now = useNow()
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_80px] gap-x-2.5 py-1.5 pr-4 pl-[46px] max-desk:grid-cols-[minmax(0,1fr)] max-desk:px-3">
      <Link
        to="/runs/$runId"
        params={{ runId: run.run_id }}
        search={wholeRun}
        preload={false}
        className="grid gap-0.5 rounded-2 border border-line-2 px-3 py-2 transition-colors duration-[120ms] hover:border-edge hover:bg-hover"
      >
        <span className="flex min-w-0 items-center gap-2.5">
          <State status={run.status} />
          <span className="min-w-0 grow truncate font-medium">
            {isTitled && run.title !== null ? run.title : `Run ${shortId(run.run_id)}`}
          </span>
          <span className="max-desk:hidden">
            <MiniLane run={run} />
          </span>
        </span>
        <span className="flex min-w-0 flex-wrap gap-x-3 text-ink-2">
          <span className="truncate">{run.agent_id}</span>
          {run.started_at === null ? null : (
            <span>
              <Took run={run} />
            </span>
          )}
          {run.tokens === 0 ? null : (
            <span>
              <Tokens run={run} /> tokens
            </span>
          )}
          {run.cost === 0 ? null : <Cost run={run} />}
        </span>
        {run.error === null ? null : (
          <span className="truncate text-failed" title={run.error.message}>
            {run.error.message}
            {run.error.code === null ? null : (
              <code className="ml-2 font-mono text-small">{run.error.code}</code>
            )}
          </span>
        )}
      </Link>
      <time
        dateTime={run.created_at}
        title={exact(at)}
        className="pt-[9px] text-right text-small leading-5 text-ink-3 max-desk:hidden"
      >
        {when(at, now)}
      </time>
    </li>
  )
}
