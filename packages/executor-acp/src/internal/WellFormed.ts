/** Filters malformed items out of an agent's messages, as the protocol's schema allows. */
import { Predicate } from "effect"

/** The items of a list that `is` accepts. Empty if the value is not a list. */
export const items = <A>(
  list: ReadonlyArray<A> | null | undefined,
  is: (item: unknown) => boolean,
): ReadonlyArray<A> => (Array.isArray(list) ? list.filter(is) : [])

/** Whether a value is an object with texts under these keys. */
export const hasTexts =
  (...keys: ReadonlyArray<string>) =>
  (value: unknown): boolean =>
    Predicate.isRecord(value) && keys.every((key) => typeof value[key] === "string")
