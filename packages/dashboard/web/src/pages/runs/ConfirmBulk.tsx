/** Asks before the same is done to many runs. */
import { plural } from "../../format/numbers"
import { ConfirmDialog } from "../../ui/ConfirmDialog"
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
  const action = `${verb} ${plural(count, "run")}`
  return (
    <ConfirmDialog
      title={`${action}?`}
      confirm={action}
      keep="Leave them"
      look={kind === "cancel" ? "danger" : "solid"}
      isOpen={kind !== undefined}
      onConfirm={onConfirm}
      onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}
    >
      <p>{what}</p>
    </ConfirmDialog>
  )
}
