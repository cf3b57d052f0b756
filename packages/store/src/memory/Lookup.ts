/**
 * Paging through lists in memory.
 */
import {
  cursorOf,
  defaultLimit,
  type InvalidCursor,
  keysOf,
  maxLimit,
  type Page,
  type PageRequest,
} from "@runlease/core/Page"
import { Either } from "effect"

const isAfter = (keys: ReadonlyArray<number>, others: ReadonlyArray<number>): boolean => {
  const first = keys.findIndex((key, index) => key !== others[index])
  return first >= 0 && keys[first]! > others[first]!
}

/** An item and the numbers that its list is ordered by, the least first. */
export interface Keyed<A> {
  readonly keys: ReadonlyArray<number>
  readonly item: A
}

/** The page of `items` after the one that the cursor names, which may be gone since. `first` is before all of them. */
export const pageOf = <A>(
  items: ReadonlyArray<Keyed<A>>,
  request: PageRequest | undefined,
  first: ReadonlyArray<number>,
): Either.Either<Page<A>, InvalidCursor> =>
  Either.map(keysOf(request?.cursor, first), (before) => {
    const limit = Math.min(Math.max(1, request?.limit ?? defaultLimit), maxLimit)
    const rest = items.filter(({ keys }) => isAfter(keys, before))
    const page = rest.slice(0, limit)
    return {
      items: page.map(({ item }) => item),
      next: rest.length > limit ? cursorOf(page.at(-1)!.keys) : null,
    }
  })
