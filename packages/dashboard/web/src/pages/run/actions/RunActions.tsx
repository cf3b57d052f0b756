/** The buttons of a run. */
import type * as Json from "@runlease/http/Json"
import { GitFork, ListRestart, RotateCw, X } from "lucide-react"
import { useState } from "react"
import { plural } from "../../../format/numbers"
import { Button } from "../../../ui/Button"
import { Copy } from "../../../ui/Copy"
import * as cli from "../model/cli"
import { openChildren, type RunLog } from "../model/runLog"
import { CliMenu } from "./CliMenu"
import { ConfirmDialog } from "../../../ui/ConfirmDialog"
import { ForkDialog } from "./ForkDialog"
import { RetryDialog } from "./RetryDialog"
import { useCancel, useRetry } from "./useActions"

const CancelDialog = ({
  onClose,
  running,
  runId,
}: {
  readonly runId: string
  /** Children that have not ended. */
  readonly running: number
  readonly onClose: () => void
}) => {
  const cancel = useCancel(runId)
  return (
    <ConfirmDialog
      title="Cancel this run?"
      confirm="Cancel the run"
      keep="Keep it"
      look="danger"
      isOpen
      isBusy={cancel.isPending}
      error={cancel.error}
      onConfirm={() => cancel.mutate(undefined, { onSuccess: onClose })}
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose()
      }}
    >
      <p>
        Its worker stops, and the run ends as cancelled. What it has recorded stays, so it can be forked or
        retried.
        {running === 0
          ? " Children that it has not ended are cancelled too."
          : ` ${plural(running, "child that has not ended is", "children that have not ended are")} cancelled too.`}
      </p>
    </ConfirmDialog>
  )
}

const linesOf = (
  { run_id: id }: Json.RunSummary,
  isEnded: boolean,
  last: number,
): ReadonlyArray<cli.CliLine> => [
  { label: "Show it", command: cli.get(id) },
  { label: "Explain it", command: cli.explain(id) },
  { label: "Follow it", command: cli.watch(id) },
  { label: "Print its log", command: cli.events(id) },
  { label: "Show it with its children", command: cli.tree(id) },
  ...(last > 0 ? [{ label: "Fork it", command: cli.fork(id, last) }] : []),
  ...(isEnded
    ? [
        { label: "Retry it", command: cli.retry(id) },
        { label: "Retry it from the start", command: cli.retryFromStart(id) },
      ]
    : [{ label: "Cancel it", command: cli.cancel(id) }]),
]

export const RunActions = ({ log, summary }: { readonly summary: Json.RunSummary; readonly log: RunLog }) => {
  const [dialog, setDialog] = useState<"cancel" | "fork" | "retry" | null>(null)
  const retry = useRetry(summary.run_id)
  const isEnded = summary.finished_at !== null
  const close = () => setDialog(null)
  return (
    <div className="flex flex-none flex-wrap gap-2 max-desk:mt-3 max-desk:[&>button:not(:last-of-type)]:grow">
      <Copy text={summary.run_id}>Copy id</Copy>
      <Button onClick={() => setDialog("fork")}>
        <GitFork aria-hidden size={14} className="text-ink-3" />
        Fork
      </Button>
      {isEnded ? (
        <>
          <Button
            disabled={retry.isPending}
            title="Begin with what failed, in a new run"
            onClick={() => retry.mutate({ fromStart: false })}
          >
            <RotateCw aria-hidden size={14} className="text-ink-3" />
            Retry
          </Button>
          <Button title="Do all of it again, in a new run" onClick={() => setDialog("retry")}>
            <ListRestart aria-hidden size={14} className="text-ink-3" />
            Retry from the start
          </Button>
        </>
      ) : (
        <Button look="danger" onClick={() => setDialog("cancel")}>
          <X aria-hidden size={14} />
          Cancel
        </Button>
      )}
      <CliMenu label="Commands for this run" lines={linesOf(summary, isEnded, log.lastId)} />
      {retry.error === null ? null : (
        <p role="alert" className="self-center text-small text-failed">
          {retry.error.message}.
        </p>
      )}
      {dialog === "cancel" ? (
        <CancelDialog runId={summary.run_id} running={openChildren(log.children).length} onClose={close} />
      ) : null}
      {dialog === "retry" ? <RetryDialog runId={summary.run_id} log={log} onClose={close} /> : null}
      {dialog === "fork" ? (
        <ForkDialog runId={summary.run_id} log={log} after={null} onClose={close} />
      ) : null}
    </div>
  )
}
