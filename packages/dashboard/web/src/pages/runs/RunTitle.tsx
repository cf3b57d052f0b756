import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { CornerDownRight } from "lucide-react"
import { shortId } from "../../format/ids"
import { noRunsSearch, wholeRun } from "../../shell/links"

export const titleOf = (run: Json.RunSummary): string => run.title ?? `Run ${shortId(run.run_id)}`

/** The code with which a run failed, as a link to all that did so. */
const FailureCode = ({ run: { error, status } }: { readonly run: Json.RunSummary }) =>
  status !== "failed" || error?.code == null ? null : (
    <Link
      to="/runs"
      search={{ ...noRunsSearch, state: "failed", code: error.code }}
      preload={false}
      title={error.message}
      className="max-w-[45%] shrink-0 truncate font-mono text-small text-failed hover:underline"
    >
      {error.code}
    </Link>
  )

/** The title of a run as a link to it, after a mark where another run has spawned it. */
export const RunTitle = ({ run }: { readonly run: Json.RunSummary }) => (
  <span className="flex min-w-0 items-center gap-2">
    {run.parent_run_id === null ? null : (
      <span className="text-child" title="Child of another run">
        <CornerDownRight aria-hidden size={14} strokeWidth={2.2} />
        <span className="sr-only">Child run</span>
      </span>
    )}
    <Link
      to="/runs/$runId"
      params={{ runId: run.run_id }}
      search={wholeRun}
      preload={false}
      title={run.title ?? undefined}
      className="truncate font-medium"
    >
      {titleOf(run)}
    </Link>
    <FailureCode run={run} />
  </span>
)
