/** A long text as it is, in its own scroll. */
import { useState } from "react"
import { Copy } from "../../../ui/Copy"
import { integer } from "../../../format/numbers"

const most = 20_000

export const Output = ({
  label,
  text,
  wrap = false,
}: {
  readonly label: string
  readonly text: string
  readonly wrap?: boolean
}) => {
  const [isWhole, setWhole] = useState(false)
  const isCut = text.length > most && !isWhole
  return (
    <div className="relative my-1">
      <pre
        tabIndex={0}
        role="region"
        aria-label={label}
        className={`max-h-[420px] overflow-auto rounded-2 bg-sunken px-3 py-2 font-mono text-[12px] leading-[18px] text-ink-2 ${wrap ? "break-words whitespace-pre-wrap" : "whitespace-pre"}`}
      >
        {isCut ? text.slice(0, most) : text}
      </pre>
      <div className="mt-1 flex gap-2">
        {isCut ? (
          <button
            type="button"
            className="text-small font-medium text-ink-2 underline decoration-line-2 underline-offset-3"
            onClick={() => setWhole(true)}
          >
            Show all {integer(text.length)} characters
          </button>
        ) : null}
        {text.length > 400 ? (
          <Copy small text={text}>
            Copy
          </Copy>
        ) : null}
      </div>
    </div>
  )
}
