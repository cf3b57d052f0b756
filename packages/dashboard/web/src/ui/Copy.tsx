/** Copies a text, and says that it did. */
import copyToClipboard from "copy-to-clipboard"
import { Check, Copy as CopyIcon } from "lucide-react"
import { type ReactNode, useEffect, useState } from "react"
import { Button } from "./Button"

/**
 * Copies texts. `copied` is the last one, for 1.5 seconds. Pages that are served without TLS have no `navigator.clipboard`; there the text
 * is selected and copied, and where a browser refuses that too, it shows the text to copy by hand.
 */
export const useCopy = () => {
  const [copied, setCopied] = useState<string | null>(null)
  useEffect(() => {
    if (copied === null) return
    const timer = setTimeout(() => setCopied(null), 1500)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = async (text: string) => {
    if (await copyToClipboard(text, { fallbackToPrompt: true })) setCopied(text)
  }
  return { copied, copy: (text: string) => void copy(text) }
}

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

/** Lines for a terminal, to copy. */
export const CommandLine = ({ text }: { readonly text: string }) => (
  <div className="flex min-w-0 items-start gap-2 rounded-2 bg-sunken py-1.5 pr-1.5 pl-3">
    <pre className="min-w-0 grow py-1 font-mono text-small leading-[18px] [overflow-wrap:anywhere] whitespace-pre-wrap text-ink">
      {text}
    </pre>
    <Copy small text={text}>
      Copy
    </Copy>
  </div>
)
