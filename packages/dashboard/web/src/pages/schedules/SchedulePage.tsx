/** One schedule: its ticks, the ends of its runs, and their input. */
import { useQuery } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { ApiError } from "../../api/client"
import { useSession } from "../../api/session"
import { shortId } from "../../format/ids"
import { ago } from "../../format/times"
import { wholeRun } from "../../shell/links"
import { Page } from "../../shell/Page"
import { Skeleton } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { StateIcon } from "../../ui/State"
import { Trouble } from "../../ui/Trouble"
import { linkClass } from "../run/facts/FactList"
import { scheduleQuery, useSchedulesLive } from "./queries"
import { ScheduleFacts, ScheduleInput } from "./ScheduleFacts"
import { ScheduleHead } from "./ScheduleHead"
import { ScheduleRuns } from "./ScheduleRuns"
import { isFailing, troubleOf } from "./scheduleState"
import { TroubleNotice } from "./TroubleNotice"
import { UpcomingPanel } from "./UpcomingPanel"

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
