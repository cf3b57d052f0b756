/** What is typed to find runs: `agent:coder label:customer:42 attempt:>1 flaky test`. What is no such word is text. */
import { allStatuses, type RunStatus } from "../../ui/State"

export interface SearchWords {
  readonly text: string
  readonly agent?: string
  readonly code?: string
  /** The least attempt. */
  readonly attempt?: number
  /** Each is `name:value`. */
  readonly labels?: ReadonlyArray<string>
  readonly state?: RunStatus
  readonly parent?: string
  readonly conversation?: string
}

type Words = { -readonly [K in keyof SearchWords]: SearchWords[K] }

const word = /(?<=^|\s)(agent|attempt|code|label|state|parent|conversation):(?:"([^"]+)"|(\S+))(?=\s|$)/g

/** `>1`, `>=2`, and `2` for 2 or more. */
const leastAttempt = (value: string): number | undefined => {
  const [, sign, digits = ""] = /^(>=?)?([0-9]{1,6})$/.exec(value) ?? []
  if (digits === "") return undefined
  const least = Number(digits) + (sign === ">" ? 1 : 0)
  return least >= 1 && least <= 1_000_000 ? least : undefined
}

const stateOf = (value: string): RunStatus | undefined =>
  allStatuses.find((status) => status === value.toLowerCase())

const nameOf = (label: string): string => label.slice(0, label.indexOf(":"))

/** Labels with one more, which takes the place of one of its name: a run has one value of each name. */
export const withLabel = (labels: ReadonlyArray<string>, label: string): ReadonlyArray<string> => [
  ...labels.filter((one) => nameOf(one) !== nameOf(label)),
  label,
]

const take = (words: Words, key: string, value: string): boolean => {
  if (key === "attempt") {
    const attempt = leastAttempt(value)
    if (attempt === undefined) return false
    words.attempt = attempt
  } else if (key === "label") {
    if (!value.includes(":")) return false
    words.labels = withLabel(words.labels ?? [], value)
  } else if (key === "state") {
    const state = stateOf(value)
    if (state === undefined) return false
    words.state = state
  } else words[key as "agent" | "code" | "parent" | "conversation"] = value
  return true
}

/** The most characters of text that the API takes. */
const longestText = 200

export const parseSearch = (typed: string): SearchWords => {
  const words: Words = { text: "" }
  const rest = typed.replace(word, (whole, key: string, quoted: string | undefined, plain: string) =>
    take(words, key, quoted ?? plain) ? "" : whole,
  )
  words.text = rest.replace(/\s+/g, " ").trim().slice(0, longestText)
  return words
}

/** Whether more than text was typed, and the last word of it is complete. */
export const isComplete = (typed: string): boolean => {
  if (!/\s$/.test(typed)) return false
  return Object.keys(parseSearch(typed)).length > 1
}

/** `agent:` at the end is no text to look for while its value is being typed. */
export const withoutUnfinished = (typed: string): string =>
  typed.replace(/(?<=^|\s)(?:agent|attempt|code|label|state|parent|conversation):\S*$/, "")

/** How the address writes what it has no parameter for. */
export const writeSearch = ({
  attempt,
  labels,
  text,
}: {
  readonly attempt: number | undefined
  readonly labels: ReadonlyArray<string>
  readonly text: string
}): string | undefined => {
  const parts = [
    ...labels.map((label) => (/\s/.test(label) ? `label:"${label}"` : `label:${label}`)),
    ...(attempt === undefined ? [] : [`attempt:>=${attempt}`]),
    ...(text === "" ? [] : [text]),
  ]
  return parts.length === 0 ? undefined : parts.join(" ")
}
