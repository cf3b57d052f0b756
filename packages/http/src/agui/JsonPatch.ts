/**
 * Patches of JSON (RFC 6902) by those who need not be trusted: all operations or none, and within a bound of size and of work.
 *
 * What a patch costs grows with the patch and with the value, and not with their product: a list is copied once for a patch, however
 * many of its operations change it.
 */
import { Json } from "@runlease/core"
import { Predicate } from "effect"
import { applyPatch, type Operation, Pointer } from "rfc6902"

/** A value, and about how many bytes of JSON it takes. */
export interface Sized {
  readonly value: unknown
  readonly bytes: number
}

/** About how many bytes of JSON a value takes. */
export const sizeOf = (value: unknown): number => JSON.stringify(value)?.length ?? 0

/** Containers that are the patch's own to change. */
type Own = WeakSet<object>

const passedOver: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"])

const isContainer = (value: unknown): value is { [key: string]: unknown } =>
  typeof value === "object" && value !== null

/** Copies what is on the way to a place and not yet copied, so that a change there is none of the value before. */
const detach = (root: { [key: string]: unknown }, tokens: ReadonlyArray<string>, own: Own): void => {
  let at: { [key: string]: unknown } = root
  for (const token of tokens.slice(1, -1)) {
    // A pointer of the library passes these over.
    if (passedOver.has(token)) continue
    const next = Object.hasOwn(at, token) ? at[token] : undefined
    if (!isContainer(next)) return
    if (!own.has(next)) {
      const copied: unknown = Array.isArray(next) ? next.slice() : { ...next }
      at[token] = copied
      own.add(copied as object)
    }
    at = at[token] as { [key: string]: unknown }
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

/** What a value takes in its container, with its name and what separates it from others. */
const placeBytes = ({ key, parent }: Endpoint, value: unknown): number =>
  sizeOf(value) + (Array.isArray(parent) ? 1 : sizeOf(key) + 2)

type Endpoint = ReturnType<Pointer["evaluate"]>

/** What leaves the value that an operation takes from a place, or writes over. */
const freed = (operation: Operation, at: Endpoint): number => {
  if (at.value === undefined) return 0
  const isInserted = Array.isArray(at.parent) && operation.op !== "replace" && operation.op !== "remove"
  return isInserted ? 0 : placeBytes(at, at.value)
}

/** How much larger the value is after an operation; `copied` is what it has to copy for that. */
const growthOf = (
  root: object,
  operation: Operation,
  at: Endpoint,
): { readonly more: number; readonly copied: number } => {
  switch (operation.op) {
    case "add":
    case "replace":
      return { more: placeBytes(at, operation.value) - freed(operation, at), copied: 0 }
    case "remove":
      return { more: -freed(operation, at), copied: 0 }
    case "copy": {
      const { value } = Pointer.fromJSON(operation.from).evaluate(root)
      const copied = sizeOf(value)
      return { more: copied + sizeOf(at.key) + 2 - freed(operation, at), copied }
    }
    case "move":
      return { more: sizeOf(at.key) + 2 - freed(operation, at), copied: 0 }
    default:
      return { more: 0, copied: 0 }
  }
}

/** Applies an operation that the library cannot apply in linear time, or has it do that. False where it cannot be applied. */
const applyOne = (root: { [key: string]: unknown }, operation: Operation, at: Endpoint): boolean =>
  operation.op === "test"
    ? Json.equalJson(at.value, operation.value)
    : applyPatch(root, [operation])[0] === null

/**
 * The value after all operations of a patch, or as it was where one of them cannot be applied. Undefined where it would be larger than
 * `maxBytes` after one of them, or where they copy more than that.
 */
export const apply = (document: Sized, patch: unknown, maxBytes: number): Sized | undefined => {
  if (!Array.isArray(patch) || !patch.every(isOperation)) return document
  const root = { value: document.value }
  const own: Own = new WeakSet()
  let { bytes } = document
  let left = maxBytes
  for (const operation of patch.map(within)) {
    try {
      const pointer = Pointer.fromJSON(operation.path)
      detach(root, pointer.tokens, own)
      if (operation.op === "move") detach(root, Pointer.fromJSON(operation.from).tokens, own)
      const at = pointer.evaluate(root)
      if (at.parent == null) return document
      const { copied, more } = growthOf(root, operation, at)
      bytes += more
      left -= copied
      // What is too large is not made.
      if (bytes > maxBytes || left < 0) return undefined
      if (!applyOne(root, operation, at)) return document
    } catch {
      return document
    }
  }
  return { value: root.value, bytes }
}
