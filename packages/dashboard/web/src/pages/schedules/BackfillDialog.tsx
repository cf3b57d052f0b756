/** A dialog for the period whose past ticks begin runs. */
import type * as Json from "@runlease/http/Json"
import { useId, useState } from "react"
import { plural } from "../../format/numbers"
import { ConfirmDialog } from "../../ui/ConfirmDialog"
import { localText } from "./localTime"
import { useScheduleActions } from "./queries"

const day = 86_400_000

const Moment = ({
  label,
  onChange,
  value,
}: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
}) => {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small font-medium text-ink-2">
        {label}
      </label>
      <input
        id={id}
        type="datetime-local"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="block h-8 w-full rounded-2 border border-edge bg-surface px-2.5 text-ink max-desk:h-11 max-desk:text-[16px]"
      />
    </div>
  )
}

export const BackfillDialog = ({
  now,
  onClose,
  schedule,
}: {
  readonly schedule: Json.Schedule
  readonly now: number
  readonly onClose: () => void
}) => {
  const { backfill } = useScheduleActions(schedule)
  const [from, setFrom] = useState(() => localText(now - day))
  const [to, setTo] = useState(() => localText(now))
  const { data } = backfill
  /** Where the last request has ended, while there is more. */
  const last = data?.more === true ? data.ticks.at(-1)?.nominal_at : undefined
  const isDone = data !== undefined && last === undefined
  const begun = data?.ticks.filter(({ duplicate }) => !duplicate).length ?? 0
  const there = (data?.ticks.length ?? 0) - begun
  const change = (set: (value: string) => void) => (value: string) => {
    set(value)
    backfill.reset()
  }
  const isValid = from !== "" && to !== "" && from <= to
  return (
    <ConfirmDialog
      title="Begin the runs of past ticks"
      confirm={last === undefined ? "Begin the runs" : "Begin more"}
      keep={data === undefined ? "Leave it" : "Close"}
      isOpen
      isBusy={backfill.isPending || isDone || !isValid}
      error={backfill.error}
      onConfirm={() =>
        backfill.mutate({ from: last ?? new Date(from).toISOString(), to: new Date(to).toISOString() })
      }
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose()
      }}
    >
      <p>
        Each tick of that time gets its run, the oldest 100 at once. A tick that has a run already gets no
        second one.
        {schedule.concurrency_policy === "Allow" ? "" : " The runs begin one after the other."}
      </p>
      <div className="grid grid-cols-2 gap-3 max-desk:grid-cols-1">
        <Moment label="From" value={from} onChange={change(setFrom)} />
        <Moment label="To" value={to} onChange={change(setTo)} />
      </div>
      {isValid ? null : <p role="alert">The end is before the start.</p>}
      {data === undefined ? null : (
        <p role="status" className="text-ink">
          {data.ticks.length === 0
            ? "No tick is in that time."
            : `${plural(begun, "run")} begun${there === 0 ? "" : `, ${there} had one already`}${data.more ? "; more are left" : ""}.`}
        </p>
      )}
    </ConfirmDialog>
  )
}
