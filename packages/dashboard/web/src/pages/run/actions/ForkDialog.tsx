/** A dialog for the step that a fork continues from. */
import { useState } from "react"
import { SelectBox } from "../../../form/SelectBox"
import { clock } from "../../../format/times"
import { integer } from "../../../format/numbers"
import type { RunLog } from "../model/runLog"
import { keyWord, type RecordedStep, recordedSteps } from "../model/steps"
import { ConfirmDialog } from "../../../ui/ConfirmDialog"
import { useFork } from "./useActions"

/** How many of the last steps can be chosen here; the tab of steps has all of them. */
const most = 50

const nameOf = ({ at, eventId, key, name }: RecordedStep): string =>
  `${[name, keyWord(key)].filter((text) => text !== "").join(" ")}, ${clock(at)}, event ${integer(eventId)}`

export const ForkDialog = ({
  after,
  log,
  onClose,
  runId,
}: {
  readonly runId: string
  readonly log: RunLog
  /** The event that is chosen first; the last step where there is none. */
  readonly after: number | null
  readonly onClose: () => void
}) => {
  const [steps] = useState(() => recordedSteps(log).slice(-most).toReversed())
  const [chosen, setChosen] = useState(after ?? steps[0]?.eventId ?? log.lastId)
  const fork = useFork(runId)
  const options = [
    ...(steps.some(({ eventId }) => eventId === chosen) || chosen === log.lastId
      ? []
      : [{ value: String(chosen), label: `Event ${integer(chosen)}` }]),
    ...steps.map((step) => ({ value: String(step.eventId), label: nameOf(step) })),
    ...(steps[0]?.eventId === log.lastId
      ? []
      : [{ value: String(log.lastId), label: `All so far, event ${integer(log.lastId)}` }]),
  ]
  return (
    <ConfirmDialog
      title="Fork this run"
      confirm="Fork"
      keep="Leave it"
      isOpen
      isBusy={fork.isPending || log.lastId === 0}
      error={fork.error}
      onConfirm={() => fork.mutate(chosen)}
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose()
      }}
    >
      <p>
        A fork is a new run with the same request. What this one had recorded by the step below is not done
        again; the rest is done anew. This run stays as it is.
      </p>
      {log.lastId === 0 ? (
        <p>Nothing is recorded yet.</p>
      ) : (
        <SelectBox
          label="The last step that the fork keeps"
          value={String(chosen)}
          options={options}
          onChange={(value) => setChosen(Number(value))}
        />
      )}
    </ConfirmDialog>
  )
}
