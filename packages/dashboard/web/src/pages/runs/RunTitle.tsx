import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { CornerDownRight } from "lucide-react"
import { shortId } from "../../format/ids"
import { wholeRun } from "../../shell/links"

export const titleOf = (run: Json.RunSummary): string => run.title ?? `Run ${shortId(run.run_id)}`

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
  </span>
)
