import copyToClipboard from "copy-to-clipboard"
import { useEffect, useState } from "react"

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
