/**
 * Patches of JSON (RFC 6902) by those who need not be trusted: all operations or none, and within a bound.
 *
 * @since 0.1.0
 */
import { Predicate } from "effect"
import { applyPatch, type Operation, Pointer } from "rfc6902"

/** A value, and how many bytes of JSON it takes at most. */
export interface Sized {
  readonly value: unknown
  readonly bytes: number
}

/** About how many bytes of JSON a value takes. */
export const sizeOf = (value: unknown): number => JSON.stringify(value)?.length ?? 0

const copyOf = (value: unknown): unknown =>
  Array.isArray(value) ? value.slice() : Predicate.isRecord(value) ? { ...value } : value

/** Copies what is on the way to a place, so that a change there is none of the value before. */
const detach = (root: { [key: string]: unknown }, tokens: ReadonlyArray<string>): void => {
  let at: { [key: string]: unknown } = root
  for (const token of tokens.slice(1, -1)) {
    if (!Object.hasOwn(at, token)) return
    const copied = copyOf(at[token])
    if (typeof copied !== "object" || copied === null) return
    at[token] = copied
    at = copied as { [key: string]: unknown }
  }
}

// The whole value may be replaced too, so it is a field of something.
const within = (operation: Operation): Operation => ({
  ...operation,
  path: `/value${operation.path}`,
  ...("from" in operation ? { from: `/value${operation.from}` } : {}),
})

const isOperation = (value: unknown): value is Operation =>
  Predicate.isRecord(value) && typeof value["op"] === "string" && typeof value["path"] === "string"

/**
 * The value after all operations of a patch, or as it was where one of them cannot be applied. Undefined where it would
 * be larger than `maxBytes` after one of them.
 *
 * @since 0.1.0
 * @category patches
 */
export const apply = (given: Sized, patch: unknown, maxBytes: number): Sized | undefined => {
  if (!Array.isArray(patch) || !patch.every(isOperation)) return given
  const root = { value: given.value }
  let { bytes } = given
  for (const operation of patch.map(within)) {
    try {
      const places = [operation.path, ...("from" in operation ? [operation.from] : [])]
      for (const place of places) detach(root, Pointer.fromJSON(place).tokens)
      if (operation.op === "copy") bytes += sizeOf(Pointer.fromJSON(operation.from).evaluate(root).value)
      if (applyPatch(root, [operation])[0] !== null) return given
    } catch {
      return given
    }
    bytes += sizeOf(operation)
    if (bytes <= maxBytes) continue
    bytes = sizeOf(root.value)
    if (bytes > maxBytes) return undefined
  }
  return { value: root.value, bytes }
}
