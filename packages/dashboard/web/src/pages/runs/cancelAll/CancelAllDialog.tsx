/** Counts the runs of a filter that have not ended, and cancels them when a reader confirms the number. The server works on it. */
import { useEffect, useRef, useState } from "react"
import { integer, plural } from "../../../format/numbers"
import { ConfirmDialog } from "../../../ui/ConfirmDialog"
import { serverNow } from "../../../api/serverClock"
import type { RunFilter } from "../filter"
import { FilterWords } from "../FilterChips"
import { bulkFilterOf, resultWords } from "./bulkFilter"
import { useBulkOperation } from "./useBulkOperation"

interface Props {
  readonly filter: RunFilter
  readonly onClose: () => void
  /** Runs were cancelled. */
  readonly onDone: () => void
}

const Progress = ({ done, total }: { readonly done: number; readonly total: number }) => (
  <>
    <p role="status">
      {integer(done)} of {integer(total)} runs. The server works on it, also when this page is closed.
    </p>
    <progress
      aria-label="Cancelling"
      max={Math.max(total, done)}
      value={done}
      className="h-1.5 w-full appearance-none overflow-hidden rounded-full bg-line [&::-moz-progress-bar]:bg-ink-2 [&::-webkit-progress-bar]:bg-line [&::-webkit-progress-value]:bg-ink-2"
    />
  </>
)

const CancelAllDialog = ({ filter, onClose, onDone }: Props) => {
  const counting = useBulkOperation()
  const work = useBulkOperation(onDone)
  const [reason, setReason] = useState("")
  // What is counted is what is cancelled: the times of the filter are those of the moment that it opened.
  const [matching] = useState(() => bulkFilterOf(filter, serverNow()))
  const isCounting = useRef(false)
  const count = counting.begin.mutate
  useEffect(() => {
    if (isCounting.current) return
    isCounting.current = true
    count({ action: "cancel", filter: matching, dry_run: true })
  }, [count, matching])

  const close = () => {
    if (counting.operation?.status === "running") counting.abort.mutate()
    onClose()
  }
  const total = counting.operation?.done ?? 0
  const dialog = {
    isOpen: true,
    error: counting.error ?? work.error,
    onOpenChange: (isOpen: boolean) => (isOpen ? undefined : close()),
  }

  if (work.operation !== undefined) {
    const { done, failed, skipped } = work.operation
    return work.ended ? (
      <ConfirmDialog
        {...dialog}
        title={work.operation.status === "aborted" ? "Stopped" : "Cancelled"}
        keep="Done"
      >
        <p role="status">{resultWords(work.operation)}.</p>
      </ConfirmDialog>
    ) : (
      <ConfirmDialog
        {...dialog}
        title="Cancelling"
        confirm={work.abort.isPending ? "Stopping" : "Stop"}
        keep="Close"
        isBusy={work.abort.isPending}
        onConfirm={() => work.abort.mutate()}
      >
        <Progress done={done + failed + skipped} total={total + (counting.operation?.skipped ?? 0)} />
      </ConfirmDialog>
    )
  }
  if (!counting.ended) {
    return (
      <ConfirmDialog {...dialog} title="Cancel all that match?" keep="Leave them">
        <p role="status">
          Counting the runs
          {counting.operation === undefined ? "" : `: looked at ${integer(counting.operation.searched)}`} …
        </p>
      </ConfirmDialog>
    )
  }
  if (total === 0) {
    return (
      <ConfirmDialog {...dialog} title="Nothing to cancel" keep="Close">
        <p>No run that matches is left to cancel.</p>
      </ConfirmDialog>
    )
  }
  const ended = counting.operation?.skipped ?? 0
  const action = `Cancel ${plural(total, "run")}`
  return (
    <ConfirmDialog
      {...dialog}
      title={`${action}?`}
      confirm={action}
      keep="Leave them"
      look="danger"
      isBusy={work.begin.isPending}
      onConfirm={() =>
        work.begin.mutate({
          action: "cancel",
          filter: matching,
          ...(reason.trim() === "" ? {} : { reason: reason.trim() }),
        })
      }
    >
      <p>
        {total === 1 ? "It matches" : "They match"} <FilterWords filter={filter} />
        {ended === 0
          ? "."
          : ` and ${total === 1 ? "has" : "have"} not ended; ${integer(ended)} more ended already.`}{" "}
        Their workers stop, and their children are cancelled too. What the runs have recorded stays. Runs that
        are submitted from now on go on.
      </p>
      <label className="block text-small font-medium text-ink-2">
        Reason, optional
        <input
          value={reason}
          maxLength={500}
          onChange={(event) => setReason(event.target.value)}
          className="mt-1 block h-8 w-full rounded-2 border border-edge bg-surface px-2.5 text-body font-normal text-ink"
        />
      </label>
    </ConfirmDialog>
  )
}

export default CancelAllDialog
