/** The state of a schedule, its times in words, and the buttons that change it. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { CircleCheck, CirclePause, Flag, type LucideIcon, Trash2, TriangleAlert } from "lucide-react"
import { wholeRun } from "../../shell/links"
import { Button, buttonClass } from "../../ui/Button"
import { StateWord } from "../../ui/StateWord"
import { cronWords, hasZone } from "./cronWords"
import { useScheduleActions } from "./queries"
import { isTrouble, type ScheduleState as State, stateOf, troubleOf } from "./scheduleState"

const states: Record<State, readonly [LucideIcon, word: string]> = {
  active: [CircleCheck, "Active"],
  stale: [TriangleAlert, "Stale"],
  paused: [CirclePause, "Paused"],
  stopped: [CirclePause, "Paused"],
  complete: [Flag, "Complete"],
  deleting: [Trash2, "Deleting"],
}

export const ScheduleState = ({
  iconOnly = false,
  state,
}: {
  readonly state: State
  readonly iconOnly?: boolean
}) => {
  const [Icon, word] = states[state]
  return <StateWord icon={Icon} word={word} isTrouble={isTrouble(state)} iconOnly={iconOnly} />
}

/** `Monday to Friday at 02:00 Europe/Berlin`; the cron itself where no words say it. */
export const Times = ({ schedule: { schedule, timezone } }: { readonly schedule: Json.Schedule }) => {
  const words = cronWords(schedule)
  return (
    <span title={hasZone(schedule) ? `${schedule} ${timezone}` : schedule}>
      {words === undefined ? (
        <code className="font-mono text-small">{schedule}</code>
      ) : (
        <span className="inline-block first-letter:uppercase">{words}</span>
      )}
      {hasZone(schedule) && timezone !== "UTC" ? (
        <span className="text-ink-3"> {timezone.replaceAll("_", " ")}</span>
      ) : null}
    </span>
  )
}

interface Props {
  readonly schedule: Json.Schedule
  readonly look?: "quiet" | "plain"
  readonly small?: boolean
}

const Refused = ({ error }: { readonly error: Error | null }) =>
  error === null ? null : (
    <span role="alert" className="self-center text-small whitespace-normal text-failed">
      {error.message}.
    </span>
  )

/** Begins a run, and then leads to it. */
export const RunNow = ({ look = "quiet", schedule, small = true }: Props) => {
  const { run } = useScheduleActions(schedule)
  return (
    <>
      <Refused error={run.error} />
      {run.data === undefined ? (
        <Button
          look={look}
          small={small}
          disabled={run.isPending}
          aria-label={`Run now: ${schedule.name}`}
          title={
            schedule.concurrency_policy === "Allow"
              ? "A run begins at once; the next tick stays"
              : "A run begins as soon as those before it have ended; the next tick stays"
          }
          onClick={() => run.mutate()}
        >
          Run now
        </Button>
      ) : (
        <Link
          to="/runs/$runId"
          params={{ runId: run.data }}
          search={wholeRun}
          className={`${buttonClass(look, small)} text-accent!`}
        >
          Open the run
        </Link>
      )}
    </>
  )
}

export const PauseButton = ({ look = "quiet", schedule, small = true }: Props) => {
  const { pause } = useScheduleActions(schedule)
  if (schedule.completed_at !== null || schedule.status === "deleting") return null
  const isPaused = schedule.status === "paused"
  return (
    <>
      <Refused error={pause.error} />
      <Button
        look={look}
        small={small}
        disabled={pause.isPending}
        aria-label={`${isPaused ? "Resume" : "Pause"} ${schedule.name}`}
        title={isPaused ? "It ticks from now on" : "No run begins until it is resumed"}
        onClick={() => pause.mutate(!isPaused)}
      >
        {isPaused ? "Resume" : "Pause"}
      </Button>
    </>
  )
}

/** The state of a schedule at a time, with the reason of a pause. */
export const StateOf = ({ now, schedule }: { readonly schedule: Json.Schedule; readonly now: number }) => {
  const state = stateOf(schedule, now)
  const reason = state === "paused" ? schedule.paused_reason : null
  return (
    <span title={reason ?? undefined} className="inline-flex align-middle">
      <ScheduleState state={state} />
    </span>
  )
}

/** Says what is wrong with a schedule, what happens by itself, and what to do. */
export const TroubleNotice = ({
  isWhole = false,
  now,
  schedule,
}: {
  readonly schedule: Json.Schedule
  readonly now: number
  /** With the message of the failure, and without the button that the head of the page has. */
  readonly isWhole?: boolean
}) => {
  const trouble = troubleOf(schedule, now)
  if (trouble === undefined) return null
  const isStopped = stateOf(schedule, now) === "stopped"
  const Icon = isStopped ? CirclePause : TriangleAlert
  const failed = schedule.last_failure_run_id
  return (
    <section
      aria-label={`Schedule ${schedule.name}`}
      className="flex items-start gap-2.5 rounded-3 border border-failed bg-failed-bg px-4 py-2.5 max-desk:flex-wrap max-desk:px-3"
    >
      <Icon aria-hidden size={16} strokeWidth={1.9} className="mt-0.5 shrink-0 text-failed" />
      <div className="min-w-0 grow basis-0">
        <b className="font-semibold">{trouble.title}</b>
        <p className="text-ink-2">{trouble.text}</p>
        {!isWhole || schedule.last_failure_message === null ? null : (
          <p className="mt-1.5 break-words whitespace-pre-wrap">{schedule.last_failure_message}</p>
        )}
      </div>
      <div className="flex shrink-0 gap-2 empty:hidden max-desk:w-full max-desk:pl-[26px]">
        {failed === null ? null : (
          <Link
            to="/runs/$runId"
            params={{ runId: failed }}
            search={wholeRun}
            className={buttonClass("plain", true)}
          >
            See what failed
          </Link>
        )}
        {isStopped && !isWhole ? <PauseButton look="plain" schedule={schedule} /> : null}
      </div>
    </section>
  )
}
