/** The next ticks of a schedule, in its own zone. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { useSession } from "../../api/session"
import { exact, until } from "../../format/times"
import { Skeleton } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { Trouble } from "../../ui/Trouble"
import { hasZone } from "./cronWords"
import { inZone } from "./localTime"
import { upcomingQuery } from "./queries"

export const UpcomingPanel = ({
  now,
  schedule,
}: {
  readonly schedule: Json.Schedule
  readonly now: number
}) => {
  const { slug } = useSession().project
  const { data, error, refetch } = useQuery(upcomingQuery(slug, schedule))
  const reader = Intl.DateTimeFormat().resolvedOptions().timeZone
  const zone = hasZone(schedule.schedule) ? schedule.timezone : reader
  const isPaused = schedule.status === "paused"
  return (
    <Panel title="Next ticks" note={zone === reader ? undefined : zone.replaceAll("_", " ")}>
      {schedule.completed_at !== null ? (
        <p className="px-4 pb-3 text-ink-2 max-desk:px-3">It is complete: no tick comes.</p>
      ) : data === undefined ? (
        error === null ? (
          <Skeleton rows={4} height={28} />
        ) : (
          <Trouble error={error} retry={() => void refetch()} />
        )
      ) : (
        <>
          {isPaused ? (
            <p className="px-4 pb-2 text-ink-2 max-desk:px-3">Paused: these ticks begin no run.</p>
          ) : null}
          <ol className="px-4 pb-3 max-desk:px-3">
            {data.map(({ at, nominal_at }) => {
              const [begins, nominal] = [Date.parse(at), Date.parse(nominal_at)]
              return (
                <li key={nominal_at} className="flex h-7 items-center gap-3">
                  <time dateTime={nominal_at} title={exact(nominal)} className={isPaused ? "text-ink-3" : ""}>
                    {inZone(nominal, zone)}
                  </time>
                  {begins === nominal ? null : (
                    <span className="text-small text-ink-3" title={exact(begins)}>
                      begins {Math.round((begins - nominal) / 1000)} s later
                    </span>
                  )}
                  <span className="ml-auto text-ink-3">{isPaused ? "" : until(begins, now)}</span>
                </li>
              )
            })}
          </ol>
        </>
      )}
    </Panel>
  )
}
