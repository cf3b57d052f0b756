/** One page of a longer list. */
import { Either, Schema } from "effect"

/** `cursor` is a `next` of an earlier page; `limit` is 1 to 100, 50 when absent. */
export interface PageRequest {
  readonly cursor?: string | undefined
  readonly limit?: number | undefined
}

/** `next` is null on the last page. A page may have fewer items than its limit, where they are large. */
export interface Page<out A> {
  readonly items: ReadonlyArray<A>
  readonly next: string | null
}

/** The cursor is no `next` of this list. */
export class InvalidCursor extends Schema.TaggedError<InvalidCursor>("@runlease/core/InvalidCursor")(
  "InvalidCursor",
  { cursor: Schema.String },
) {
  override get message() {
    return "The cursor is not one that this list gave; leave it out to begin with the first page"
  }
}

const wholeNumber = /^-?\d{1,16}$/

/** The whole numbers that a store's cursor consists of, as many as `first` has, or `first` where there is no cursor. */
export const keysOf = (
  cursor: string | undefined,
  first: ReadonlyArray<number>,
): Either.Either<ReadonlyArray<number>, InvalidCursor> => {
  if (cursor === undefined) return Either.right(first)
  const parts = cursor.split(".")
  const keys = parts.map(Number)
  return parts.length === first.length &&
    parts.every((part) => wholeNumber.test(part)) &&
    keys.every(Number.isSafeInteger)
    ? Either.right(keys)
    : Either.left(new InvalidCursor({ cursor }))
}

/** The cursor of the page after the item with these keys. */
export const cursorOf = (keys: ReadonlyArray<number>): string => keys.join(".")

export const defaultLimit = 50
export const maxLimit = 100

/** A page ends where its items take about this many bytes, and has one item at least. */
export const maxPageBytes = 4 * 1024 * 1024
