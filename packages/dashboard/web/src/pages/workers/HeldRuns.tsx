/** The runs that a worker holds, with what is left of their leases. */
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { useState, type ReactNode } from "react"
import { heldQuery } from "../../api/project"
import { shortId } from "../../format/ids"
import { integer } from "../../format/numbers"
import { clock, exact } from "../../format/times"
import { Button } from "../../ui/Button"
import { LeaseLeft } from "../../ui/LeaseLeft"
import { Unread } from "../../ui/Loading"
import { wholeRun } from "../../shell/links"

const firstRows = 50

const RunLink = ({ className = "", run }: { readonly run: Json.RunSummary; readonly className?: string }) => (
  <Link
    to="/runs/$runId"
    params={{ runId: run.run_id }}
    search={wholeRun}
    className={`truncate ${className}`}
  >
    {run.title ?? "A run without a text"}
  </Link>
)

const Left = ({
  narrow = false,
  now,
  run,
}: {
  readonly run: Json.RunSummary
  readonly now: number
  readonly narrow?: boolean
}) => {
  const claim = run.claims.at(-1)
  if (claim?.expires_at == null) return null
  const expiresAt = Date.parse(claim.expires_at)
  return (
    <LeaseLeft
      expiresAt={expiresAt}
      length={Math.max(5000, expiresAt - Date.parse(claim.renewed_at))}
      now={now}
      narrow={narrow}
    />
  )
}

/** The runs of a worker, or a placeholder until they are read. */
const useHeld = (
  worker: string,
): {
  readonly runs: ReadonlyArray<Json.RunSummary>
  readonly more: ReactNode
  readonly instead: ReactNode
} => {
  const query = useQuery(heldQuery(worker))
  const { data } = query
  const [isWhole, setWhole] = useState(false)
  const runs = data ?? []
  return {
    runs: isWhole ? runs : runs.slice(0, firstRows),
    more:
      !isWhole && runs.length > firstRows ? (
        <Button look="quiet" small onClick={() => setWhole(true)}>
          Show all {integer(runs.length)}
        </Button>
      ) : null,
    instead:
      data === undefined ? (
        <Unread query={query} rows={2} height={32} />
      ) : runs.length === 0 ? (
        <p className="py-2 text-ink-2">It holds no runs.</p>
      ) : null,
  }
}

const head = "h-8 px-2 text-left text-small font-medium whitespace-nowrap text-ink-3 first:pl-11 last:pr-4"
const cell = "h-8 border-t border-line px-2 whitespace-nowrap first:pl-11 last:pr-4"
const number = `${cell} text-right text-ink-2`

export const HeldRunsTable = ({ now, worker }: { readonly worker: string; readonly now: number }) => {
  const { instead, more, runs } = useHeld(worker)
  if (instead !== null) return <div className="bg-sunken pl-11">{instead}</div>
  return (
    <div className="bg-sunken">
      <table className="w-full table-fixed border-collapse">
        <colgroup>
          <col />
          <col className="w-[132px]" />
          <col className="w-[84px]" />
          <col className="w-[64px]" />
          <col className="w-[96px]" />
          <col className="w-[190px]" />
        </colgroup>
        <thead>
          <tr>
            <th className={head}>Holds</th>
            <th className={head}>Agent</th>
            <th className={`${head} text-right!`}>Attempt</th>
            <th className={`${head} text-right!`}>Epoch</th>
            <th className={`${head} text-right!`}>Renewed</th>
            <th className={head}>Lease runs out in</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => {
            const claim = run.claims.at(-1)
            const renewedAt = Date.parse(claim?.renewed_at ?? run.updated_at)
            return (
              <tr key={run.run_id}>
                <td className={cell}>
                  <span className="flex items-center gap-2">
                    <RunLink run={run} className="font-medium" />
                    <span className="font-mono text-small text-ink-3">{shortId(run.run_id)}</span>
                  </span>
                </td>
                <td className={`${cell} truncate text-ink-2`}>{run.agent_id}</td>
                <td className={number}>
                  {run.attempt} of {run.max_attempts}
                </td>
                <td className={number}>{claim?.lease_epoch}</td>
                <td className={number} title={exact(renewedAt)}>
                  {clock(renewedAt)}
                </td>
                <td className={cell}>
                  <Left run={run} now={now} />
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {more === null ? null : <div className="py-1 pl-9">{more}</div>}
    </div>
  )
}

export const HeldRunsList = ({ now, worker }: { readonly worker: string; readonly now: number }) => {
  const { instead, more, runs } = useHeld(worker)
  return (
    <div className="mr-3 mb-2.5 ml-10 border-l border-line-2 pl-3">
      {instead}
      <ul>
        {runs.map((run) => (
          <li key={run.run_id} className="flex min-h-11 items-center gap-2">
            <RunLink run={run} className="min-w-0 grow py-3" />
            <Left run={run} now={now} narrow />
          </li>
        ))}
      </ul>
      {more}
    </div>
  )
}
