/** What a run waits for, in words. */
import type * as Json from "@runlease/http/Json"
import { when } from "../../../format/times"
import { openQuestions } from "./questions"
import { childrenWord } from "./runLog"

/** `you`, `you and a child` */
export const listed = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`

/** The children that have not ended. Of several groups, the first one that ends lets the run go on. */
const childrenOf = (groups: ReadonlyArray<ReadonlyArray<number>>, ended: ReadonlySet<number>): string => {
  const open = new Set(groups.flat().filter((index) => !ended.has(index))).size
  return groups.length > 1 && open > 1 ? `one of ${open} children` : childrenWord(open)
}

/** Each thing that a run waits for now. `ended`: its children that have ended, by their indexes. */
export const reasonsOf = (
  waiting: Json.RunSummary["waiting"],
  ended: ReadonlySet<number>,
  now: number,
): ReadonlyArray<string> => {
  if (waiting === null) return []
  const questions = openQuestions(waiting)
  const client = questions.filter(({ clientTool }) => clientTool)
  return [
    ...(questions.length > client.length ? ["you"] : []),
    ...(client.length > 0 ? ["its client"] : []),
    ...(waiting.children === null ? [] : [childrenOf(waiting.children, ended)]),
    ...(waiting.taken_messages === null ? [] : ["a message"]),
    ...(waiting.budget ? ["a higher budget"] : []),
    ...(waiting.wakes_at === null ? [] : [when(Date.parse(waiting.wakes_at), now)]),
  ]
}

/** `Waiting for you and a child`, `Sleeping until 03:10:00` */
export const waitingWord = (
  waiting: Json.RunSummary["waiting"],
  ended: ReadonlySet<number>,
  now: number,
): string => {
  const reasons = reasonsOf(waiting, ended, now)
  if (reasons.length === 0) return "Waiting"
  const sleepsOnly = waiting?.wakes_at != null && reasons.length === 1
  return sleepsOnly ? `Sleeping until ${reasons[0]}` : `Waiting for ${listed(reasons)}`
}
