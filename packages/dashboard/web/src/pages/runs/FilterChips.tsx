/** The filters that are set, each with its remover. */
import { X } from "lucide-react"
import { shortId } from "../../format/ids"
import { useNow } from "../../ui/now"
import { wordOf } from "../../ui/State"
import type { RunFilter } from "./filter"
import { rangeWords } from "./range"

interface Chip {
  readonly word: string
  readonly value: string
  readonly removed: Partial<RunFilter>
}

const chipsOf = (filter: RunFilter, now: number): ReadonlyArray<Chip> => {
  const range = rangeWords(filter, now)
  return [
    ...(range === undefined
      ? []
      : [{ word: "Started", value: range, removed: { from: undefined, to: undefined } }]),
    ...(filter.agent === undefined
      ? []
      : [{ word: "Agent", value: filter.agent, removed: { agent: undefined } }]),
    ...(filter.code === undefined
      ? []
      : [{ word: "Code", value: filter.code, removed: { code: undefined } }]),
    ...filter.labels.map((label) => ({
      word: "Label",
      value: label,
      removed: { labels: filter.labels.filter((one) => one !== label) },
    })),
    ...(filter.attempt === undefined
      ? []
      : [{ word: "Attempt", value: `${filter.attempt} or more`, removed: { attempt: undefined } }]),
    ...(filter.parent === undefined
      ? []
      : [{ word: "Children of", value: shortId(filter.parent), removed: { parent: undefined } }]),
    ...(filter.conversation === undefined
      ? []
      : [
          { word: "Conversation", value: shortId(filter.conversation), removed: { conversation: undefined } },
        ]),
    ...(filter.children ? [{ word: "Show", value: "children too", removed: { children: false } }] : []),
  ]
}

/** What the filter looks for, within a sentence: `Label customer:42, Agent coder`. */
export const FilterWords = ({ filter }: { readonly filter: RunFilter }) => {
  const now = useNow()
  const words = [
    ...(filter.status === undefined ? [] : [["State", wordOf(filter.status).toLowerCase()] as const]),
    ...(filter.text === "" ? [] : [["Text", filter.text] as const]),
    ...chipsOf(filter, now).map(({ value, word }) => [word, value] as const),
  ]
  return words.map(([word, value], index) => (
    <span key={`${word} ${value}`}>
      {index === 0 ? "" : ", "}
      {word} <b className="font-medium break-words text-ink">{value}</b>
    </span>
  ))
}

interface Props {
  readonly filter: RunFilter
  readonly onChange: (filter: RunFilter) => void
}

export const FilterChips = ({ filter, onChange }: Props) => {
  const now = useNow()
  return chipsOf(filter, now).map(({ removed, value, word }) => (
    <span
      key={`${word} ${value}`}
      className="inline-flex h-[30px] items-center gap-1.5 rounded-2 border border-line-2 bg-surface pr-[3px] pl-2.5 max-desk:h-11"
    >
      <span className="text-ink-3">{word}</span>
      <b className="max-w-60 truncate font-medium">{value}</b>
      <button
        type="button"
        aria-label={`Remove the filter ${word}${word === "Label" ? ` ${value}` : ""}`}
        onClick={() => onChange({ ...filter, ...removed })}
        className="grid size-6 place-items-center rounded-1 text-ink-3 hover:bg-hover hover:text-ink max-desk:size-10"
      >
        <X aria-hidden size={14} />
      </button>
    </span>
  ))
}
