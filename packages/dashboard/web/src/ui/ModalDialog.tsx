/** A dialog over the page; at the bottom of a phone. Loaded with what is in it. */
import { Dialog } from "@base-ui/react/dialog"
import { X } from "lucide-react"
import { useRef, type ReactNode } from "react"
import { buttonClass } from "./Button"
import { dialogBackdrop, dialogPopup } from "./look"

export const ModalDialog = ({
  children,
  onClose,
  title,
  width = 480,
}: {
  readonly title: string
  readonly onClose: () => void
  readonly children: ReactNode
  readonly width?: number
}) => {
  const popup = useRef<HTMLDivElement>(null)
  return (
    <Dialog.Root open onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}>
      <Dialog.Portal>
        <Dialog.Backdrop className={dialogBackdrop} />
        <Dialog.Viewport className="fixed inset-0 z-20 grid place-items-center overflow-hidden p-6 max-desk:place-items-end max-desk:p-2 max-desk:pb-[calc(8px+env(safe-area-inset-bottom))]">
          <Dialog.Popup
            ref={popup}
            initialFocus={popup}
            className={`${dialogPopup} outline-none data-starting-style:translate-y-2`}
            style={{ maxWidth: width }}
          >
            <header className="flex min-h-11 shrink-0 items-center gap-2 pr-2 pl-4">
              <Dialog.Title className="text-read font-semibold">{title}</Dialog.Title>
              <Dialog.Close
                aria-label="Close"
                className={`${buttonClass("quiet", true)} ml-auto max-desk:min-w-11`}
              >
                <X aria-hidden size={16} />
              </Dialog.Close>
            </header>
            <div className="min-h-0 overflow-y-auto overscroll-contain">{children}</div>
          </Dialog.Popup>
        </Dialog.Viewport>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
