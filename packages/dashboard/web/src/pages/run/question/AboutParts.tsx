/** What a question is about: a small table of its fields, and text that has its own lines below their names. */
import { labelOf } from "../../../form/schema"
import type { AboutPart } from "../model/about"

const code = "font-mono text-[12px] leading-[18px] text-ink-2"

/** `isBrief` shows the first lines of a long text, where the form of the answer has all of them. */
const Lines = ({ isBrief, part }: { readonly part: AboutPart; readonly isBrief: boolean }) =>
  isBrief ? (
    <pre className={`${code} line-clamp-6 break-words whitespace-pre-wrap`}>{part.text}</pre>
  ) : (
    <pre
      tabIndex={0}
      role="region"
      aria-label={part.name === undefined ? "What it is about, as text" : labelOf(part.name)}
      className={`${code} max-h-60 overflow-auto rounded-2 bg-sunken px-2.5 py-2`}
    >
      {part.text}
    </pre>
  )

export const AboutParts = ({
  isBrief,
  parts,
}: {
  readonly parts: ReadonlyArray<AboutPart>
  readonly isBrief: boolean
}) => {
  if (parts.length === 0) return null
  const [first] = parts
  if (first?.name === undefined) {
    return first?.kind === "line" ? (
      <p className="break-words text-ink-2">{first.text}</p>
    ) : (
      parts.map((part) => <Lines key="about" part={part} isBrief={isBrief} />)
    )
  }
  return (
    <dl
      aria-label={isBrief ? undefined : "What it is about"}
      className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-0.5"
    >
      {parts.map((part) => (
        <div key={part.name} className={part.kind === "line" ? "contents" : "col-span-2 grid gap-1"}>
          <dt className="text-ink-3">{labelOf(part.name ?? "")}</dt>
          <dd className="min-w-0 break-words">
            {part.kind === "line" ? part.text : <Lines part={part} isBrief={isBrief} />}
          </dd>
        </div>
      ))}
    </dl>
  )
}
