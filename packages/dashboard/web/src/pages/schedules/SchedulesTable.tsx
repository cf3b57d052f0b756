/** The schedules: a table, or a list on a phone. Its rows stay where they are while the pointer or the focus is on them. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { useRef } from "react"
import { integer } from "../../format/numbers"
import { ago, exact, until, when } from "../../format/times"
import { wholeRun } from "../../shell/links"
import { useRowKeys } from "../../ui/rowKeys"
import { StateIcon } from "../../ui/State"
import { useSteadyOrder } from "../../ui/steadyOrder"
import { type Column, TableHead } from "../../ui/TableHead"
import { PauseButton, RunNow, ScheduleState, StateOf, Times } from "./ScheduleParts"
import { inOrder, isFailing, skippedOf, skippedWords, stateOf } from "./scheduleState"

const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-2"
/** Columns that a narrow window has no room for. */
const onlyWide = "max-[1200px]:hidden"
const none = <span className="text-ink-3">–</span>

interface RowProps {
  readonly schedule: Json.Schedule
  readonly now: number
}

const FailureCode = ({ schedule }: { readonly schedule: Json.Schedule }) =>
  !isFailing(schedule) ? null : (
    <code
      title={schedule.last_failure_message ?? undefined}
      className="max-w-[45%] shrink-0 truncate font-mono text-small text-failed"
    >
      {schedule.last_failure_code ?? "failed"}
    </code>
  )

export const Next = ({ now, schedule: { next_at: next } }: RowProps) => {
  if (next == null) return none
  const at = Date.parse(next)
  return (
    <time dateTime={next} title={`${when(at, now)}, ${exact(at)}`}>
      {until(at, now)}
    </time>
  )
}

/** When its last run was to begin, as a link to that run. */
export const Last = ({ now, schedule }: RowProps) => {
  const { last_failure_run_id: failed, last_run_id: run, last_scheduled_at: at } = schedule
  if (at === null || run == null) return none
  const instant = Date.parse(at)
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: run }}
      search={wholeRun}
      preload={false}
      title={`Open its last run, of ${exact(instant)}`}
      className="inline-flex items-center gap-1.5 underline decoration-line-2 underline-offset-3 hover:text-ink hover:decoration-current"
    >
      {failed === run ? (
        <>
          <StateIcon status="failed" size={12} />
          <span className="sr-only">Failed</span>
        </>
      ) : null}
      {ago(instant, now)}
    </Link>
  )
}

const Name = ({ schedule }: { readonly schedule: Json.Schedule }) => (
  <span className="flex min-w-0 items-center gap-2">
    <Link
      to="/schedules/$scheduleId"
      params={{ scheduleId: schedule.id }}
      data-row
      title={schedule.name}
      className="truncate font-medium"
    >
      {schedule.name}
    </Link>
    {schedule.source == null ? null : (
      <span title="Declared by this source" className="shrink-0 text-small text-ink-3">
        {schedule.source}
      </span>
    )}
    <FailureCode schedule={schedule} />
  </span>
)

const Row = ({ now, schedule }: RowProps) => {
  const skipped = skippedOf(schedule)
  return (
    <tr className="transition-colors duration-[120ms] hover:bg-hover">
      <td className={cell}>
        <StateOf schedule={schedule} now={now} />
      </td>
      <td className={`${cell} max-w-0`}>
        <Name schedule={schedule} />
      </td>
      <td className={`${cell} max-w-0 truncate text-ink-2`} title={schedule.target.id}>
        {schedule.target.id}
      </td>
      <td className={`${cell} max-w-0 truncate text-ink-2`}>
        <Times schedule={schedule} />
      </td>
      <td className={`${cell} text-ink-2`}>
        <Next schedule={schedule} now={now} />
      </td>
      <td className={`${cell} text-ink-2`}>
        <Last schedule={schedule} now={now} />
      </td>
      <td className={`${cell} text-right text-ink-2 ${onlyWide}`}>
        {integer(schedule.run_count)}
        {schedule.max_runs === null ? null : (
          <span className="text-ink-3"> of {integer(schedule.max_runs)}</span>
        )}
      </td>
      <td className={`${cell} text-right text-ink-2 ${onlyWide}`} title={skippedWords(schedule)}>
        {skipped === 0 ? none : integer(skipped)}
      </td>
      <td className={`${cell} text-right`}>
        <span className="grid grid-cols-[auto_64px] justify-end">
          <RunNow schedule={schedule} />
          <PauseButton schedule={schedule} />
        </span>
      </td>
    </tr>
  )
}

const Item = ({ now, schedule }: RowProps) => {
  const state = stateOf(schedule, now)
  return (
    <li className="border-t border-line">
      <Link
        to="/schedules/$scheduleId"
        params={{ scheduleId: schedule.id }}
        className="grid min-h-16 grid-cols-[18px_minmax(0,1fr)_auto] grid-rows-[23px_20px] content-center gap-x-2.5 px-3 focus-visible:-outline-offset-2"
      >
        <span className="flex items-center">
          <ScheduleState state={state} iconOnly />
        </span>
        <span className="truncate font-medium">{schedule.name}</span>
        <span className="text-right text-small leading-5 text-ink-3">
          {state === "active" || state === "stale" ? (
            <Next schedule={schedule} now={now} />
          ) : (
            <span className={state === "stopped" ? "text-failed" : ""}>
              {state === "complete" ? "complete" : "paused"}
            </span>
          )}
        </span>
        <span className="col-start-2 truncate text-small leading-[18px] text-ink-3">
          <Times schedule={schedule} />
        </span>
        <span className="flex items-center justify-end gap-1.5 text-small leading-5 text-ink-3">
          {isFailing(schedule) ? <StateIcon status="failed" size={12} /> : null}
          {isFailing(schedule) ? <span className="sr-only">Failed</span> : null}
          {schedule.last_scheduled_at === null ? "" : ago(Date.parse(schedule.last_scheduled_at), now)}
        </span>
      </Link>
    </li>
  )
}

const columns: ReadonlyArray<Column> = [
  { name: "State", width: "w-[100px]" },
  { name: "Schedule" },
  { name: "Agent", width: "w-[116px]" },
  { name: "When", width: "w-[240px]" },
  { name: "Next", width: "w-[72px]" },
  { name: "Last", width: "w-[92px]" },
  { name: "Runs", width: "w-[68px]", isRight: true, className: onlyWide },
  {
    name: "Skipped",
    width: "w-[68px]",
    isRight: true,
    title: "Ticks that began no run",
    className: onlyWide,
  },
  { name: "Actions", width: "w-[152px]", isUnnamed: true },
]

export const SchedulesTable = ({
  now,
  schedules,
}: {
  readonly schedules: ReadonlyArray<Json.Schedule>
  readonly now: number
}) => {
  const box = useRef<HTMLTableElement>(null)
  useRowKeys(box, "schedule")
  const { hold, rows } = useSteadyOrder(inOrder(schedules, now), ({ id }) => id)
  return (
    <div {...hold}>
      <table ref={box} className="w-full table-fixed border-collapse max-desk:hidden">
        <TableHead columns={columns} />
        <tbody>
          {rows.map((schedule) => (
            <Row key={schedule.id} schedule={schedule} now={now} />
          ))}
        </tbody>
      </table>
      <ul className="desk:hidden">
        {rows.map((schedule) => (
          <Item key={schedule.id} schedule={schedule} now={now} />
        ))}
      </ul>
    </div>
  )
}
