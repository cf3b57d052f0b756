/** What an agent says, without what is malformed in it. The protocol's schema leaves such fields and items out. */
import { Predicate } from "effect"

/** The items of a list that are as `is` has them; none of what is no list. */
export const items = <A>(
  list: ReadonlyArray<A> | null | undefined,
  is: (item: unknown) => boolean,
): ReadonlyArray<A> => (Array.isArray(list) ? list.filter(is) : [])

/** Whether it is an object with texts under these keys. */
export const hasTexts =
  (...keys: ReadonlyArray<string>) =>
  (value: unknown): boolean =>
    Predicate.isRecord(value) && keys.every((key) => typeof value[key] === "string")
