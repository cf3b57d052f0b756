/** What can be done to the selected runs, how far it is, and what became of it. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { GitFork, type LucideIcon, RotateCcw, Tag, X } from "lucide-react"
import { useState } from "react"
import { integer, plural } from "../../format/numbers"
import { wholeRun } from "../../shell/links"
import { Button } from "../../ui/Button"
import { ConfirmDialog } from "../../ui/ConfirmDialog"
import { type BulkKind, type BulkProgress, canBe, resultWords, selectionWords } from "./bulk"
import { type Action, mostSelected } from "./operation/operations"

interface ConfirmForkProps {
  readonly isOpen: boolean
  readonly count: number
  readonly onConfirm: () => void
  readonly onClose: () => void
}

/** Says what forking many runs means, before it is done. */
const ConfirmFork = ({ count, isOpen, onClose, onConfirm }: ConfirmForkProps) => {
  const action = `Fork ${plural(count, "run")}`
  return (
    <ConfirmDialog
      title={`${action}?`}
      confirm={action}
      keep="Leave them"
      isOpen={isOpen}
      onConfirm={onConfirm}
      onOpenChange={(opened) => (opened ? undefined : onClose())}
    >
      <p>Each continues as a new run after the last event of its log.</p>
    </ConfirmDialog>
  )
}

/** The number of runs from which an operation needs a confirmation; those that the server does are counted first. */
const confirmFrom: Readonly<Record<BulkKind, number>> = { cancel: 2, retry: 20, fork: 20 }

const actions: ReadonlyArray<readonly [kind: BulkKind, word: string, Icon: LucideIcon]> = [
  ["retry", "Retry", RotateCcw],
  ["fork", "Fork", GitFork],
  ["cancel", "Cancel", X],
]

interface Props {
  readonly runs: ReadonlyArray<Json.RunSummary>
  readonly progress: BulkProgress | undefined
  readonly onStart: (kind: BulkKind, runs: ReadonlyArray<Json.RunSummary>) => void
  /** Something is to be done to these runs by the server. */
  readonly onOperation: (action: Action, runIds: ReadonlyArray<string>) => void
  readonly onStop: () => void
  readonly onDismiss: () => void
  readonly onClear: () => void
}

const working: Readonly<Record<BulkKind, string>> = {
  cancel: "Cancelling",
  retry: "Retrying",
  fork: "Forking",
}

const Progress = ({ onStop, progress }: { readonly progress: BulkProgress; readonly onStop: () => void }) => (
  <>
    <b className="font-medium">{working[progress.kind]}</b>
    <span role="status" className="text-ink-3">
      {integer(progress.outcomes.length)} of {integer(progress.total)}
    </span>
    <progress
      aria-label={working[progress.kind]}
      max={progress.total}
      value={progress.outcomes.length}
      className="h-1 w-24 appearance-none overflow-hidden rounded-full bg-line [&::-moz-progress-bar]:bg-ink-2 [&::-webkit-progress-bar]:bg-line [&::-webkit-progress-value]:bg-ink-2"
    />
    <Button small disabled={progress.state === "stopping"} onClick={onStop}>
      {progress.state === "stopping" ? "Stopping" : "Stop"}
    </Button>
  </>
)

const Result = ({
  onDismiss,
  progress,
}: {
  readonly progress: BulkProgress
  readonly onDismiss: () => void
}) => {
  const [only] = progress.outcomes
  const made =
    progress.kind !== "cancel" && progress.total === 1 && only?.type === "done" ? only.run : undefined
  return (
    <>
      <span role="status" className="min-w-0 whitespace-normal">
        {resultWords(progress)}
      </span>
      {made === undefined ? null : (
        <Link
          to="/runs/$runId"
          params={{ runId: made.run_id }}
          search={wholeRun}
          className="font-medium underline decoration-line-2 underline-offset-3 hover:decoration-current"
        >
          Open the new run
        </Link>
      )}
      <Button small look="quiet" onClick={onDismiss}>
        Done
      </Button>
    </>
  )
}

export const SelectionBar = (props: Props) => {
  const { onClear, onDismiss, onOperation, onStart, onStop, progress, runs } = props
  const [isForking, setForking] = useState(false)
  if (runs.length === 0 && progress === undefined) return null
  const able = (kind: BulkKind) => runs.filter((run) => canBe(kind, run))
  const operate = (action: Action) =>
    onOperation(
      action,
      runs.map(({ run_id }) => run_id),
    )
  const begin = (kind: BulkKind, count: number) => {
    if (count < confirmFrom[kind]) onStart(kind, runs)
    else if (kind === "fork") setForking(true)
    else operate(kind)
  }
  const isTooMany = runs.length > mostSelected
  return (
    <div
      role="region"
      aria-label="Selected runs"
      className="fixed bottom-5 left-[calc(50%+104px)] z-6 flex max-w-[calc(100vw-256px)] -translate-x-1/2 items-center gap-2 rounded-[10px] border border-line-2 bg-raised py-2 pr-2 pl-4 whitespace-nowrap shadow-float max-wide:left-[calc(50%+28px)]"
    >
      {progress === undefined ? (
        <>
          <b className="font-medium">{plural(runs.length, "run")} selected</b>
          <span className="mr-2 truncate text-ink-3">
            {isTooMany ? `at most ${integer(mostSelected)} at once` : selectionWords(runs)}
          </span>
          {actions.map(([kind, word, Icon]) => {
            const count = able(kind).length
            if (count === 0) return null
            return (
              <Button
                key={kind}
                small
                look={kind === "cancel" ? "danger" : "plain"}
                disabled={isTooMany}
                onClick={() => begin(kind, count)}
              >
                <Icon aria-hidden size={14} className={kind === "cancel" ? "" : "text-ink-3"} />
                {count === runs.length ? word : `${word} ${integer(count)}`}
              </Button>
            )
          })}
          <Button small disabled={isTooMany} onClick={() => operate("label")}>
            <Tag aria-hidden size={14} className="text-ink-3" />
            Label
          </Button>
          <Button small look="quiet" onClick={onClear}>
            Clear{" "}
            <kbd className="rounded-1 border border-line-2 bg-bg px-1 font-sans text-micro text-ink-3">
              Esc
            </kbd>
          </Button>
        </>
      ) : progress.state === "ended" ? (
        <Result progress={progress} onDismiss={onDismiss} />
      ) : (
        <Progress progress={progress} onStop={onStop} />
      )}
      <ConfirmFork
        isOpen={isForking}
        count={able("fork").length}
        onClose={() => setForking(false)}
        onConfirm={() => {
          onStart("fork", runs)
          setForking(false)
        }}
      />
    </div>
  )
}
