/** What two texts differ in. */

/** The words that only one of the texts has, between those that both begin and end with. */
export interface Difference {
  readonly start: string
  readonly removed: string
  readonly added: string
  readonly end: string
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
  const part = (words: ReadonlyArray<string>, from: number, to: number) => words.slice(from, to).join("")
  return {
    start: part(a, 0, start),
    removed: part(a, start, a.length - end),
    added: part(b, start, b.length - end),
    end: part(a, a.length - end, a.length),
  }
}
