/**
 * Pages by key: a cursor is the last key of the page before.
 *
 * @since 0.1.0
 */
import { Page } from "@runlease/core"

export const limitOf = (request: Page.PageRequest | undefined): number =>
  Math.min(Math.max(1, request?.limit ?? Page.defaultLimit), Page.maxLimit)

/** The page, given its rows and one more if there is one. */
export const pageOf = <Row, A>(
  rows: ReadonlyArray<Row>,
  limit: number,
  keys: (row: Row) => ReadonlyArray<number>,
  toItem: (row: Row) => A,
): Page.Page<A> => {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return {
    items: items.map(toItem),
    next: rows.length > limit && last !== undefined ? Page.cursorOf(keys(last)) : null,
  }
}
