/** What keeps a pending run from starting, and what to do about it, as `runlease runs explain` says it. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { wholeRun } from "../../../shell/links"
import { CommandLine } from "../../../ui/Copy"
import { Panel } from "../../../ui/Panel"
import type { Obstacle } from "../model/obstacle"
import { linkClass } from "./FactList"

/** Text with the run in it as a link. */
const Linked = ({ run, text }: { readonly text: string; readonly run: Json.RunSummary | null }) => {
  const [before, ...after] = run === null ? [text] : text.split(run.run_id)
  if (run === null || after.length === 0) return text
  return (
    <>
      {before}
      <Link
        to="/runs/$runId"
        params={{ runId: run.run_id }}
        search={wholeRun}
        className={`${linkClass} font-mono text-[12px] break-all`}
      >
        {run.run_id}
      </Link>
      {after.join(run.run_id)}
    </>
  )
}

export const ObstaclePanel = ({
  ahead,
  obstacle: { advice, kind, text },
}: {
  readonly obstacle: Obstacle
  readonly ahead: Json.RunSummary | null
}) => (
  <Panel title="Why it does not start">
    <div className="grid grid-cols-[minmax(0,1fr)] gap-2 px-4 pb-3 max-desk:px-3">
      <p className="break-words">
        <Linked text={text} run={ahead} />
      </p>
      {advice === null ? null : (
        <>
          <p className="text-ink-2">
            {kind === "limited" ? (
              <Link to="/limits" className={linkClass}>
                {advice.text}
              </Link>
            ) : (
              advice.text
            )}
            :
          </p>
          {advice.command === null ? null : <CommandLine text={advice.command} />}
        </>
      )}
    </div>
  </Panel>
)
