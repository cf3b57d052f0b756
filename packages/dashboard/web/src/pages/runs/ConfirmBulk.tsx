/** Asks before the same is done to many runs. */
import { AlertDialog } from "@base-ui/react/alert-dialog"
import { plural } from "../../format/numbers"
import { buttonClass } from "../../ui/Button"
import type { BulkKind } from "./bulk"

const texts: Readonly<Record<BulkKind, readonly [verb: string, what: string]>> = {
  cancel: [
    "Cancel",
    "Their workers are told to stop. What the runs have done so far stays; they do not go on.",
  ],
  retry: ["Retry", "Each is submitted again with the same request, and may cost as much again."],
  fork: ["Fork", "Each goes on as a new run after the last event of its log."],
}

interface Props {
  readonly kind: BulkKind | undefined
  readonly count: number
  readonly onConfirm: () => void
  readonly onClose: () => void
}

export const ConfirmBulk = ({ count, kind, onClose, onConfirm }: Props) => {
  const [verb, what] = texts[kind ?? "cancel"]
  return (
    <AlertDialog.Root open={kind !== undefined} onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="fixed inset-0 z-20 bg-black/40" />
        <AlertDialog.Popup className="fixed top-1/2 left-1/2 z-20 grid w-[400px] max-w-[calc(100vw-24px)] -translate-1/2 gap-3 rounded-3 border border-line-2 bg-raised p-4 shadow-float">
          <AlertDialog.Title className="text-read font-semibold">
            {verb} {plural(count, "run")}?
          </AlertDialog.Title>
          <AlertDialog.Description className="text-ink-2">{what}</AlertDialog.Description>
          <div className="flex justify-end gap-2">
            <AlertDialog.Close className={buttonClass()}>Leave them</AlertDialog.Close>
            <AlertDialog.Close
              className={buttonClass(kind === "cancel" ? "danger" : "solid")}
              onClick={onConfirm}
            >
              {verb} {plural(count, "run")}
            </AlertDialog.Close>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}
