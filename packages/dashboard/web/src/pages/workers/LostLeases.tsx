/** The leases that lapsed in a day, and who took their runs over. */
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import type { ReactNode } from "react"
import { lostLeasesQuery } from "../../api/project"
import { useSession } from "../../api/session"
import { integer } from "../../format/numbers"
import { duration, exact, when } from "../../format/times"
import { buttonClass } from "../../ui/Button"
import { Unread } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { nameOf } from "../../ui/workers"
import { type Column, TableHead } from "../../ui/TableHead"
import { lossesOf, lostAt, takenOverAfter } from "./fleet"
import { noRunsSearch, wholeRun } from "../../shell/links"

const cell = "h-9 truncate border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-4"

const RunLink = ({
  children,
  className,
  lost,
}: {
  readonly lost: Json.LostLease
  readonly className: string
  readonly children: ReactNode
}) => (
  <Link to="/runs/$runId" params={{ runId: lost.run_id }} search={wholeRun} className={className}>
    {children}
  </Link>
)

const titleOf = ({ title }: Json.LostLease): string => title ?? "A run without a text"

const Next = ({ lost }: { readonly lost: Json.LostLease }) =>
  lost.next !== null ? (
    lost.next.worker_name
  ) : lost.exhausted ? (
    <span className="text-failed">none: attempts used up</span>
  ) : (
    <span className="text-ink-3">nobody yet</span>
  )

const after = (lost: Json.LostLease): string => {
  const millis = takenOverAfter(lost)
  return millis === undefined ? "–" : duration(millis)
}

const columns: ReadonlyArray<Column> = [
  { name: "Ran out", width: "w-[116px]" },
  { name: "Worker", width: "w-[120px]" },
  { name: "Run" },
  { name: "Agent", width: "w-[126px]" },
  { name: "Attempt", width: "w-[78px]", isRight: true },
  { name: "Last renewed", width: "w-[110px]", isRight: true },
  { name: "Taken over by", width: "w-[180px]" },
  { name: "After", width: "w-[84px]", isRight: true },
]

const Rows = ({ leases, now }: { readonly leases: ReadonlyArray<Json.LostLease>; readonly now: number }) => (
  <>
    <table className="w-full table-fixed border-collapse max-desk:hidden">
      <TableHead columns={columns} />
      <tbody>
        {leases.map((lost) => {
          const { claim } = lost
          const renewed = Date.parse(claim.renewed_at)
          return (
            <tr
              key={`${lost.run_id} ${claim.lease_epoch}`}
              className="transition-colors duration-[120ms] hover:bg-hover"
            >
              <td className={`${cell} text-ink-2`} title={exact(lostAt(lost))}>
                {when(lostAt(lost), now)}
              </td>
              <td className={cell}>{claim.worker_name}</td>
              <td className={cell}>
                <RunLink lost={lost} className="font-medium">
                  {titleOf(lost)}
                </RunLink>
              </td>
              <td className={`${cell} text-ink-2`}>{lost.agent_id}</td>
              <td className={`${cell} text-right text-ink-2`}>
                {claim.attempt} of {lost.max_attempts}
              </td>
              <td className={`${cell} text-right text-ink-2`} title={exact(renewed)}>
                {when(renewed, now)}
              </td>
              <td className={cell}>
                <Next lost={lost} />
              </td>
              <td className={`${cell} text-right text-ink-2`}>{after(lost)}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
    <ul className="desk:hidden">
      {leases.map((lost) => (
        <li key={`${lost.run_id} ${lost.claim.lease_epoch}`} className="border-t border-line">
          <RunLink lost={lost} className="block px-3 py-2.5">
            <span className="block truncate font-medium">{titleOf(lost)}</span>
            <span className="block text-small leading-[18px] text-ink-3">
              {when(lostAt(lost), now)} on {lost.claim.worker_name}, then <Next lost={lost} />
              {lost.next === null ? "" : ` after ${after(lost)}`}
            </span>
          </RunLink>
        </li>
      ))}
    </ul>
  </>
)

/** The most that the server lists. */
const most = 100

export const LostLeases = ({
  now,
  workers,
}: {
  readonly workers: ReadonlyArray<Json.WorkerSummary>
  readonly now: number
}) => {
  const { slug } = useSession().project
  const query = useQuery(lostLeasesQuery(slug))
  const { data } = query
  const losses = lossesOf(workers)
  const total = Math.max(losses.total, data?.length ?? 0)
  const onOne =
    losses.most === undefined || losses.most.lost_24h === total
      ? losses.most === undefined
        ? ""
        : `, all of them on ${nameOf(losses.most)}`
      : `, ${integer(losses.most.lost_24h)} of them on ${nameOf(losses.most)}`
  return (
    <Panel
      title={<span className="whitespace-nowrap">Leases lost</span>}
      note={
        data === undefined || data.length === 0 ? undefined : (
          <>
            {integer(total)} in the last 24 hours
            <span className="max-desk:hidden">
              {total > 1 ? onOne : ""}
              {data.length === most && total > most ? `; the latest ${most}` : ""}
            </span>
          </>
        )
      }
      aside={
        data === undefined || data.length === 0 ? undefined : (
          <Link
            to="/runs"
            search={{ ...noRunsSearch, q: "attempt:>1" }}
            className={`${buttonClass("quiet", true)} max-desk:hidden`}
          >
            Runs with more than one attempt
          </Link>
        )
      }
    >
      {data === undefined ? (
        <Unread query={query} rows={3} />
      ) : data.length === 0 ? (
        <p className="px-4 pb-4 text-ink-2 max-desk:px-3">No lease was lost in the last 24 hours.</p>
      ) : (
        <Rows leases={data} now={now} />
      )}
    </Panel>
  )
}
