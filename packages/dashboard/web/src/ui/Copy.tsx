/** Copies a text, and says that it did. */
import { Check, Copy as CopyIcon } from "lucide-react"
import { useEffect, useState, type ReactNode } from "react"
import { Button } from "./Button"

export const Copy = ({
  children,
  small = false,
  text,
}: {
  readonly text: string
  readonly children: ReactNode
  readonly small?: boolean
}) => {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1500)
    return () => clearTimeout(timer)
  }, [copied])
  return (
    <Button
      small={small}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => setCopied(true))
      }}
    >
      {copied ? (
        <Check aria-hidden size={14} className="text-completed" />
      ) : (
        <CopyIcon aria-hidden size={14} className="text-ink-3" />
      )}
      <span aria-live="polite">{copied ? "Copied" : children}</span>
    </Button>
  )
}
