/** Says what forking many runs means, before it is done. */
import { plural } from "../../format/numbers"
import { ConfirmDialog } from "../../ui/ConfirmDialog"

interface Props {
  readonly isOpen: boolean
  readonly count: number
  readonly onConfirm: () => void
  readonly onClose: () => void
}

export const ConfirmFork = ({ count, isOpen, onClose, onConfirm }: Props) => {
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
