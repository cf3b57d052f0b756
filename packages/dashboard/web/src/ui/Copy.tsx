/** Copies a text, and says that it did. */
import { Check, Copy as CopyIcon } from "lucide-react"
import type { ReactNode } from "react"
import { Button } from "./Button"
import { useCopy } from "./useCopy"

export const Copy = ({
  children,
  small = false,
  text,
}: {
  readonly text: string
  readonly children: ReactNode
  readonly small?: boolean
}) => {
  const { copied, copy } = useCopy()
  return (
    <Button small={small} onClick={() => copy(text)}>
      {copied === null ? (
        <CopyIcon aria-hidden size={14} className="text-ink-3" />
      ) : (
        <Check aria-hidden size={14} className="text-completed" />
      )}
      <span aria-live="polite">{copied === null ? children : "Copied"}</span>
    </Button>
  )
}
