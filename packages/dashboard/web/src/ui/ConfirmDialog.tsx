/** A dialog over the page that confirms an action. */
import { AlertDialog } from "@base-ui/react/alert-dialog"
import type { ReactNode } from "react"
import { buttonClass } from "./Button"
import { dialogBackdrop } from "./look"

export const ConfirmDialog = ({
  children,
  confirm,
  error = null,
  isBusy = false,
  isOpen,
  keep,
  look = "solid",
  onConfirm,
  onOpenChange,
  title,
}: {
  readonly title: string
  readonly children: ReactNode
  /** The word of the button that does it, where it can be done, and of the one that does not. */
  readonly confirm?: string
  readonly keep: string
  readonly look?: "solid" | "danger"
  readonly isOpen: boolean
  readonly isBusy?: boolean
  readonly error?: Error | null
  readonly onConfirm?: () => void
  readonly onOpenChange: (isOpen: boolean) => void
}) => (
  <AlertDialog.Root open={isOpen} onOpenChange={onOpenChange}>
    <AlertDialog.Portal>
      <AlertDialog.Backdrop className={dialogBackdrop} />
      <AlertDialog.Popup className="fixed top-[20vh] left-1/2 z-20 grid w-[min(440px,calc(100vw-24px))] -translate-x-1/2 gap-3 rounded-3 border border-line-2 bg-raised p-4 shadow-float">
        <AlertDialog.Title className="text-title font-semibold">{title}</AlertDialog.Title>
        <AlertDialog.Description render={<div />} className="grid gap-3 text-ink-2">
          {children}
        </AlertDialog.Description>
        {error === null ? null : (
          <p role="alert" className="text-failed">
            {error.message}.
          </p>
        )}
        <div className="mt-1 flex justify-end gap-2">
          <AlertDialog.Close className={buttonClass()}>{keep}</AlertDialog.Close>
          {confirm === undefined ? null : (
            <button type="button" disabled={isBusy} className={buttonClass(look)} onClick={onConfirm}>
              {confirm}
            </button>
          )}
        </div>
      </AlertDialog.Popup>
    </AlertDialog.Portal>
  </AlertDialog.Root>
)
