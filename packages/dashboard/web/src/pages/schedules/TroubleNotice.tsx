/** Says what is wrong with a schedule, what happens by itself, and what to do. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { CirclePause, TriangleAlert } from "lucide-react"
import { wholeRun } from "../../shell/links"
import { buttonClass } from "../../ui/Button"
import { PauseButton } from "./ScheduleParts"
import { stateOf, troubleOf } from "./scheduleState"

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
