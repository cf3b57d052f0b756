/**
 * Pages by key: a cursor is the last key of the page before.
 *
 * @since 0.1.0
 */
import { cursorOf, defaultLimit, maxLimit, type Page, type PageRequest } from "../model/Page.js"

/**
 * How many items a page has.
 *
 * @since 0.1.0
 * @category pages
 */
export const limitOf = (request: PageRequest | undefined): number =>
  Math.min(Math.max(1, request?.limit ?? defaultLimit), maxLimit)

/**
 * The page, given its rows and one more if there is one.
 *
 * @since 0.1.0
 * @category pages
 */
export const pageOf = <Row, A>(
  rows: ReadonlyArray<Row>,
  limit: number,
  keys: (row: Row) => ReadonlyArray<number>,
  toItem: (row: Row) => A,
): Page<A> => {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return {
    items: items.map(toItem),
    next: rows.length > limit && last !== undefined ? cursorOf(keys(last)) : null,
  }
}
