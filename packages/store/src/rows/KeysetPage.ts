/** Pages by key: a cursor is the last key of the page before. */
import {
  cursorOf,
  defaultLimit,
  type InvalidCursor,
  keysOf,
  maxLimit,
  maxPageBytes,
  type Page,
  type PageRequest,
} from "@runlease/core/Page"
import type { ListOrder } from "@runlease/core/Summaries"
import { Either } from "effect"

/** How many items a page has. */
export const limitOf = (request: PageRequest | undefined): number =>
  Math.min(Math.max(1, request?.limit ?? defaultLimit), maxLimit)

/** Where a page of runs begins in the order of its list, and how many it has. */
export const placeOf = (
  request: PageRequest & ListOrder,
): Either.Either<ListOrder & { readonly after: number | undefined; readonly limit: number }, InvalidCursor> =>
  Either.map(keysOf(request.cursor, [Number.NaN]), ([after = Number.NaN]) => ({
    after: Number.isNaN(after) ? undefined : after,
    limit: limitOf(request),
    oldestFirst: request.oldestFirst,
  }))

/**
 * How many items a page has, of those with these sizes in bytes, of which there is one more than `limit` if there are as many. It has one
 * at least, and at most `maxBytes` otherwise.
 */
export const countWithin = (
  sizes: ReadonlyArray<number>,
  limit: number,
  maxBytes: number = maxPageBytes,
): number => {
  let left = maxBytes
  const over = sizes.findIndex((bytes, index) => (left -= bytes) < 0 && index > 0)
  return Math.min(over < 0 ? sizes.length : over, limit)
}

/** The page of these rows, and whether others come after it. */
export const pageWith = <Row, A>(
  { more, rows }: { readonly rows: ReadonlyArray<Row>; readonly more: boolean },
  keys: (row: Row) => ReadonlyArray<number>,
  toItem: (row: Row) => A,
): Page<A> => {
  const last = rows.at(-1)
  return { items: rows.map(toItem), next: more && last !== undefined ? cursorOf(keys(last)) : null }
}

/** The page of these rows, which have one more if there is one. */
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
