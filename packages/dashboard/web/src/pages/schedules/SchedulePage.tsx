/** One schedule: its ticks, the ends of its runs, and their input. */
import type * as Json from "@runlease/http/Json"
import { useQuery } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import { ApiError } from "../../api/client"
import { useSession } from "../../api/session"
import { shortId } from "../../format/ids"
import { integer } from "../../format/numbers"
import { ago, duration, exact, until, when } from "../../format/times"
import { Page } from "../../shell/Page"
import { wholeRun } from "../../shell/links"
import { Copy } from "../../ui/Copy"
import { Skeleton, Trouble, Unread } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { StateIcon } from "../../ui/State"
import { useNow } from "../../ui/now"
import { Fact, FactList, linkClass } from "../run/facts/FactList"
import { ScheduleHead } from "./ScheduleHead"
import { ScheduleRuns } from "./ScheduleRuns"
import { TroubleNotice } from "./ScheduleParts"
import { hasZone } from "./cronWords"
import { inZone } from "./localTime"
import { scheduleQuery, upcomingQuery, useSchedulesLive } from "./queries"
import { isFailing, skippedOf, skippedWords, troubleOf } from "./scheduleState"

const overlaps: Readonly<Record<Json.Schedule["concurrency_policy"], string>> = {
  Forbid: "the tick is skipped",
  Allow: "a run begins at the same time",
  Replace: "it is cancelled, and a run begins",
  Queue: "the newest tick waits",
}

const misses = { skip: "no run begins", once: "one run, for the last", all: "a run for each" } as const

const Instant = ({ at, now }: { readonly at: string; readonly now: number }) => (
  <time dateTime={at} title={exact(Date.parse(at))}>
    {when(Date.parse(at), now)}
  </time>
)

const ScheduleFacts = ({ now, schedule }: { readonly schedule: Json.Schedule; readonly now: number }) => {
  const { ends_at, health, pause_after_failures, source, starts_at, window_seconds } = schedule
  return (
    <Panel title="Facts">
      <FactList>
        <Fact label="Id">
          <span className="font-mono text-[10.5px] tracking-[-0.05em] break-all">{schedule.id}</span>
        </Fact>
        <Fact label="Schedule">
          <code className="font-mono text-[12px]">{schedule.schedule}</code>
        </Fact>
        <Fact label="Zone">{schedule.timezone}</Fact>
        {starts_at == null ? null : (
          <Fact label="From">
            <Instant at={starts_at} now={now} />
          </Fact>
        )}
        {ends_at == null ? null : (
          <Fact label="Until">
            <Instant at={ends_at} now={now} />
          </Fact>
        )}
        <Fact label="Overlap">{overlaps[schedule.concurrency_policy]}</Fact>
        <Fact label="Missed ticks">{misses[schedule.missed ?? "skip"]}</Fact>
        {skippedOf(schedule) === 0 ? null : <Fact label="Skipped">{skippedWords(schedule)}</Fact>}
        {!window_seconds ? null : <Fact label="Spread over">{duration(window_seconds * 1000)}</Fact>}
        <Fact label="Attempts">{schedule.backoff_limit + 1}</Fact>
        <Fact label="Timeout">{duration(schedule.timeout_seconds * 1000)} of work</Fact>
        {!pause_after_failures ? null : (
          <Fact label="Pauses after">{integer(pause_after_failures)} failures in a row</Fact>
        )}
        {health === null ? null : (
          <Fact label="Stale after">{duration(health.max_staleness_seconds * 1000)} without a success</Fact>
        )}
        {schedule.last_successful_at === null ? null : (
          <Fact label="Last success">
            <Instant at={schedule.last_successful_at} now={now} />
          </Fact>
        )}
        {schedule.paused_at === null ? null : (
          <Fact label="Paused">
            <Instant at={schedule.paused_at} now={now} />
            {schedule.paused_reason === null ? null : (
              <span className="block text-ink-3">{schedule.paused_reason}</span>
            )}
          </Fact>
        )}
        {source == null ? null : (
          <Fact label="Declared by">
            {source}, as {schedule.source_trigger_id}
            <span className="block text-small text-ink-3">It is changed and deleted there.</span>
          </Fact>
        )}
        <Fact label="Created">
          <Instant at={schedule.created_at} now={now} />
        </Fact>
      </FactList>
    </Panel>
  )
}

const ScheduleInput = ({ schedule: { config } }: { readonly schedule: Json.Schedule }) => {
  const text =
    config.prompt ?? (config.input === undefined ? undefined : JSON.stringify(config.input, null, 2))
  if (text === undefined) return null
  return (
    <Panel
      title="Input of each run"
      aside={
        <Copy small text={text}>
          Copy
        </Copy>
      }
    >
      <p
        className={`max-h-60 overflow-y-auto px-4 pb-3 break-words whitespace-pre-wrap max-desk:px-3 ${config.prompt === undefined ? "font-mono text-small leading-[18px]" : ""}`}
      >
        {text}
      </p>
    </Panel>
  )
}

/** The next ticks of a schedule, in its own zone. */
const UpcomingPanel = ({ now, schedule }: { readonly schedule: Json.Schedule; readonly now: number }) => {
  const { slug } = useSession().project
  const query = useQuery(upcomingQuery(slug, schedule))
  const { data } = query
  const reader = Intl.DateTimeFormat().resolvedOptions().timeZone
  const zone = hasZone(schedule.schedule) ? schedule.timezone : reader
  const isPaused = schedule.status === "paused"
  return (
    <Panel title="Next ticks" note={zone === reader ? undefined : zone.replaceAll("_", " ")}>
      {schedule.completed_at !== null ? (
        <p className="px-4 pb-3 text-ink-2 max-desk:px-3">It is complete: no tick comes.</p>
      ) : data === undefined ? (
        <Unread query={query} rows={4} height={28} />
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

const route = getRouteApi("/signed-in/schedules/$scheduleId")

const Crumbs = ({ word }: { readonly word: string }) => (
  <nav aria-label="Breadcrumb" className="truncate text-title font-semibold tracking-tight whitespace-nowrap">
    <Link to="/schedules" className="font-medium text-ink-3 hover:text-ink">
      Schedules
    </Link>
    <span aria-hidden className="mx-1.5 font-normal text-ink-3">
      /
    </span>
    <span aria-current="page">{word}</span>
  </nav>
)

interface Props {
  readonly schedule: Json.Schedule
  readonly now: number
}

/** The error of the last run that failed, while no success has come after it. */
const LastFailure = ({ now, schedule }: Props) => {
  const { last_failure_at: at, last_failure_code: code, last_failure_run_id: run } = schedule
  if (!isFailing(schedule) || at === null) return null
  return (
    <section
      aria-label="Last failure"
      className="flex items-start gap-2.5 rounded-3 border border-failed bg-failed-bg px-4 py-2.5 max-desk:px-3"
    >
      <span className="pt-[3px]">
        <StateIcon status="failed" size={16} />
      </span>
      <div className="min-w-0">
        <p className="text-read font-medium break-words whitespace-pre-wrap">
          {schedule.last_failure_message ?? "Its last run failed without an error."}
        </p>
        <p className="mt-0.5 text-small text-ink-2">
          {code === null ? null : (
            <>
              <code className="font-mono">{code}</code>,{" "}
            </>
          )}
          {ago(Date.parse(at), now)}
          {run === null ? null : (
            <>
              {". "}
              <Link to="/runs/$runId" params={{ runId: run }} search={wholeRun} className={linkClass}>
                Open the run
              </Link>
            </>
          )}
        </p>
      </div>
    </section>
  )
}

const Schedule = ({ now, schedule }: Props) => (
  <>
    <ScheduleHead schedule={schedule} now={now} />
    <div className="grid grid-cols-[minmax(0,1fr)_348px] items-start gap-4 max-[1100px]:grid-cols-[minmax(0,1fr)] max-desk:gap-3">
      <div className="grid min-w-0 grid-cols-[minmax(0,1fr)] gap-4 max-desk:gap-3">
        {troubleOf(schedule, now) === undefined ? (
          <LastFailure schedule={schedule} now={now} />
        ) : (
          <TroubleNotice isWhole schedule={schedule} now={now} />
        )}
        <ScheduleRuns schedule={schedule} now={now} />
      </div>
      <aside
        aria-label="Ticks and facts"
        className="grid min-w-0 grid-cols-[minmax(0,1fr)] gap-4 max-desk:gap-3"
      >
        <UpcomingPanel schedule={schedule} now={now} />
        <ScheduleInput schedule={schedule} />
        <ScheduleFacts schedule={schedule} now={now} />
      </aside>
    </div>
  </>
)

const isMissing = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 404 || error.status === 400)

const SchedulePage = () => {
  const { scheduleId } = route.useParams()
  const { slug } = useSession().project
  useSchedulesLive()
  const { data, error, refetch } = useQuery(scheduleQuery(slug, scheduleId))
  const now = useNow()
  const word = shortId(scheduleId)
  return (
    <Page title={data?.name ?? `Schedule ${word}`} heading={<Crumbs word={word} />}>
      {data !== undefined && !isMissing(error) ? (
        <Schedule key={scheduleId} schedule={data} now={now} />
      ) : isMissing(error) ? (
        <section className="grid max-w-[520px] gap-3 rounded-3 border border-line bg-surface p-4">
          <h1 className="text-title font-semibold">
            No schedule <span className="font-mono text-[15px]">{word}</span> in this project
          </h1>
          <p className="text-ink-2">It may belong to another project, or have been deleted.</p>
          <p>
            <Link to="/schedules" className={linkClass}>
              See all schedules
            </Link>
          </p>
        </section>
      ) : error !== null ? (
        <div className="rounded-3 border border-line bg-surface">
          <Trouble error={error} retry={() => void refetch()} />
        </div>
      ) : (
        <Skeleton rows={8} />
      )}
    </Page>
  )
}

export default SchedulePage
