/** Sends a message to the run while it works. */
import type * as Json from "@runlease/http/Json"
import { Send } from "lucide-react"
import { useRef, useState } from "react"
import { Button } from "../../ui/Button"
import { useKeys } from "../../ui/keys"
import { useTell } from "./actions/useActions"

const hint = ({ finished_at, status }: Json.RunSummary): string => {
  if (finished_at !== null)
    return `The run has ${status === "failed" ? "failed" : status === "cancelled" ? "been cancelled" : "completed"}, and takes no message.`
  return status === "running"
    ? "Send this run a message. It reads it when it can use it."
    : "Send this run a message. It reads it when it continues."
}

/** A key that no other message has. Pages that are served without TLS have no `crypto.randomUUID`. */
const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  )

export const Composer = ({ summary }: { readonly summary: Json.RunSummary }) => {
  const [text, setText] = useState("")
  const input = useRef<HTMLInputElement>(null)
  // A message that is sent again after a lost answer has the same key, so the run gets it once.
  const key = useRef<string | undefined>(undefined)
  const message = useTell(summary.run_id)
  const isEnded = summary.finished_at !== null
  useKeys({
    t: {
      label: "Send the run a message",
      run: () => {
        if (isEnded) return false
        input.current?.focus()
      },
    },
  })
  const submit = () => {
    const trimmed = text.trim()
    if (trimmed === "" || message.isPending) return
    key.current ??= newKey()
    message.mutate(
      { text: trimmed, key: key.current },
      {
        onSuccess: () => {
          key.current = undefined
          setText("")
        },
      },
    )
  }
  return (
    <form
      className="sticky bottom-0 z-3 -mx-px mt-2 -mb-px rounded-b-3 border border-line bg-surface px-4 py-[9px] max-desk:bottom-[57px] max-desk:px-3"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      {message.error === null ? null : (
        <p role="alert" className="mb-1.5 text-small text-failed">
          {message.error.message}. Your message is still here.
        </p>
      )}
      <div className="flex items-center gap-2">
        <input
          ref={input}
          aria-label="Message to this run"
          value={text}
          disabled={isEnded}
          placeholder={hint(summary)}
          onChange={(event) => {
            setText(event.target.value)
            key.current = undefined
          }}
          className="h-[30px] min-w-0 grow rounded-2 border border-edge bg-surface px-2.5 placeholder:text-ink-3 disabled:border-line-2 max-desk:h-11 max-desk:text-[16px]"
        />
        <Button type="submit" disabled={isEnded || text.trim() === "" || message.isPending}>
          <Send aria-hidden size={14} className="text-ink-3" />
          Tell
        </Button>
      </div>
    </form>
  )
}
