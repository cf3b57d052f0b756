/** A confirmation of a retry from the start, with the recorded steps that are then done again. */
import { clock } from "../../../format/times"
import { integer, plural } from "../../../format/numbers"
import { ConfirmDialog } from "../../../ui/ConfirmDialog"
import type { RunLog } from "../model/runLog"
import { keyWord, recordedSteps } from "../model/steps"
import { useRetry } from "./useActions"

/** How many of the first steps are listed; the tab of steps has all of them. */
const most = 100

export const RetryDialog = ({
  log,
  onClose,
  runId,
}: {
  readonly runId: string
  readonly log: RunLog
  readonly onClose: () => void
}) => {
  const retry = useRetry(runId)
  const steps = recordedSteps(log)
  const more = steps.length - most
  return (
    <ConfirmDialog
      title="Retry from the start?"
      confirm="Do all of it again"
      keep="Leave it"
      look={steps.length === 0 ? "solid" : "danger"}
      isOpen
      isBusy={retry.isPending}
      error={retry.error}
      onConfirm={() => retry.mutate({ fromStart: true })}
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose()
      }}
    >
      {steps.length === 0 ? (
        <p>A new run does the same request. This one has recorded no step.</p>
      ) : (
        <>
          <p>
            A new run does the same request, with nothing of this one. It does{" "}
            {steps.length === 1 ? "this recorded step" : `these ${plural(steps.length, "recorded step")}`}{" "}
            again, and may cost as much again.
          </p>
          <ul
            aria-label="Recorded steps that are done again"
            className="max-h-[30vh] list-disc overflow-y-auto pl-5"
          >
            {steps.slice(0, most).map(({ at, eventId, key, name }) => (
              <li key={eventId} className="break-words">
                <b className="font-medium text-ink">{name}</b> {keyWord(key)}{" "}
                <span className="text-small text-ink-3">{clock(at)}</span>
              </li>
            ))}
            {more > 0 ? <li>and {integer(more)} more</li> : null}
          </ul>
        </>
      )}
    </ConfirmDialog>
  )
}
