/**
 * What a person may have meant by a word that is none.
 */

/** How many letters are added, left out or replaced between two words. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}

/** A sentence that names the nearest of the words, with a space behind it; empty where none is near. */
export const of = (input: string, words: ReadonlyArray<string>): string => {
  const [nearest] = words.toSorted((a, b) => distance(input, a) - distance(input, b))
  return nearest !== undefined && distance(input, nearest) <= Math.max(1, Math.floor(input.length / 3))
    ? `Did you mean ${nearest}? `
    : ""
}
