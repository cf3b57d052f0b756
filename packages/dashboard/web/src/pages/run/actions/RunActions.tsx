/** The buttons of a run. */
import type * as Json from "@runlease/http/Json"
import { GitFork, ListRestart, RotateCw, X } from "lucide-react"
import { useState } from "react"
import { integer, plural } from "../../../format/numbers"
import { clock } from "../../../format/times"
import { Button } from "../../../ui/Button"
import { ConfirmDialog } from "../../../ui/ConfirmDialog"
import { Copy } from "../../../ui/Copy"
import * as cli from "../model/cli"
import { openChildren, type RunLog } from "../model/runLog"
import { keyWord, recordedSteps } from "../model/steps"
import { CliMenu } from "./CliMenu"
import { Fork } from "./ForkFrom"
import { useCancel, useRetry } from "./useActions"

/** How many of the first steps are listed; the tab of steps has all of them. */
const most = 100

/** A confirmation of a retry from the start, with the recorded steps that are then done again. */
const RetryDialog = ({
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
        <Fork run={{ runId: summary.run_id, agentId: summary.agent_id, log }} origin={null} onClose={close} />
      ) : null}
    </div>
  )
}
