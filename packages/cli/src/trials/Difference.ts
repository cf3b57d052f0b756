/** What two texts differ in: the words that are left without those at the beginning and at the end that both have. */
export interface Difference {
  readonly removed: string
  readonly added: string
}

const wordsOf = (text: string): ReadonlyArray<string> => text.match(/\s+|\S+/g) ?? []

/** The difference from one text to another; undefined where they are equal. */
export const between = (before: string, after: string): Difference | undefined => {
  if (before === after) return undefined
  const [a, b] = [wordsOf(before), wordsOf(after)]
  const most = Math.min(a.length, b.length)
  let start = 0
  while (start < most && a[start] === b[start]) start += 1
  let end = 0
  while (end < most - start && a.at(-1 - end) === b.at(-1 - end)) end += 1
  const left = (words: ReadonlyArray<string>) => words.slice(start, words.length - end).join("")
  return { removed: left(a), added: left(b) }
}
