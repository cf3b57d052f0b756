/** The search of the page. Words such as `agent:coder` become filters as soon as they are complete; text is looked for as it is typed. */
import { Search } from "lucide-react"
import { useEffect, useRef, useState, type RefObject } from "react"
import type { RunFilter } from "./filter"
import { isComplete, parseSearch, withLabel, withoutUnfinished } from "./searchText"

/** How long somebody has to stop typing before text is looked for. */
const typingPause = 300

interface Props {
  readonly filter: RunFilter
  readonly onChange: (filter: RunFilter) => void
  readonly box: RefObject<HTMLInputElement | null>
}

export const SearchBox = ({ box, filter, onChange }: Props) => {
  const [typed, setTyped] = useState(filter.text)
  /** The text that this box last searched for: another one comes from the address. */
  const requested = useRef(filter.text)
  useEffect(() => {
    if (filter.text === requested.current) return
    requested.current = filter.text
    setTyped(filter.text)
  }, [filter.text])

  const search = (next: RunFilter) => {
    requested.current = next.text
    onChange(next)
  }
  /** Takes the words out of what is typed, as filters. */
  const takeWords = (value: string) => {
    const { agent, attempt, code, conversation, labels = [], parent, state, text } = parseSearch(value)
    setTyped(/\s$/.test(value) && text !== "" ? `${text} ` : text)
    search({
      ...filter,
      text,
      agent: agent ?? filter.agent,
      attempt: attempt ?? filter.attempt,
      code: code ?? filter.code,
      conversation: conversation ?? filter.conversation,
      labels: labels.reduce(withLabel, filter.labels),
      parent: parent ?? filter.parent,
      status: state ?? filter.status,
    })
  }

  const looked = parseSearch(withoutUnfinished(typed)).text
  const current = useRef(search)
  useEffect(() => {
    current.current = search
  })
  useEffect(() => {
    if (looked === requested.current) return
    const timer = setTimeout(() => current.current({ ...filter, text: looked }), typingPause)
    return () => clearTimeout(timer)
  }, [filter, looked])

  return (
    <form
      role="search"
      className="relative min-w-[220px] flex-[0_1_304px] max-desk:basis-full"
      onSubmit={(event) => {
        event.preventDefault()
        takeWords(typed)
      }}
    >
      <Search
        aria-hidden
        size={16}
        className="absolute top-[7px] left-2.5 text-ink-3 max-desk:top-3.5 max-desk:left-3"
      />
      <input
        ref={box}
        aria-label="Search runs"
        placeholder="Text, run id, or agent:coder attempt:>1"
        value={typed}
        maxLength={400}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        enterKeyHint="search"
        onChange={({ target: { value } }) => {
          if (isComplete(value)) takeWords(value)
          else setTyped(value)
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return
          if (typed === "") event.currentTarget.blur()
          else takeWords("")
        }}
        className="h-[30px] w-full rounded-2 border border-edge bg-surface pr-2.5 pl-8 placeholder:text-ink-3 max-desk:h-11 max-desk:pl-[38px] max-desk:text-title"
      />
    </form>
  )
}
