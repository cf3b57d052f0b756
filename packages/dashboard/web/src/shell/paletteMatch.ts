/** How what somebody types finds the items of the palette. */

/** Whether each word of a query is in a text, in any case of its letters. */
export const matchesWords = (query: string, text: string): boolean => {
  const within = text.toLowerCase()
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => within.includes(word))
}

/** The items that a query finds, those first that begin with it; `limit` at most. */
export const findItems = <A extends { readonly label: string; readonly also?: string | undefined }>(
  items: ReadonlyArray<A>,
  query: string,
  limit = Infinity,
): ReadonlyArray<A> => {
  const start = query.trim().toLowerCase()
  const isFirst = ({ label }: A) => label.toLowerCase().startsWith(start)
  return items
    .filter(({ also = "", label }) => matchesWords(start, `${label} ${also}`))
    .toSorted((a, b) => Number(isFirst(b)) - Number(isFirst(a)))
    .slice(0, limit)
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The id of a run, where the query is one as a whole. */
export const runIdOf = (query: string): string | undefined =>
  uuid.test(query.trim()) ? query.trim().toLowerCase() : undefined
