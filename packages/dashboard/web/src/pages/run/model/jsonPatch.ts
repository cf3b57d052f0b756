/** JSON Patch, as STATE_DELTA has it. Source: RFC 6902 */
import { isRecord } from "./asks"

type Json = unknown

const partsOf = (pointer: string): ReadonlyArray<string> =>
  pointer === ""
    ? []
    : pointer
        .slice(1)
        .split("/")
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))

const valueAt = (document: Json, path: ReadonlyArray<string>): Json =>
  path.reduce<Json>(
    (value, key) =>
      Array.isArray(value)
        ? value[Number(key)]
        : isRecord(value) && Object.hasOwn(value, key)
          ? value[key]
          : undefined,
    document,
  )

/** A copy in which the container of the last part of a path is changed; what is not on the path is shared. */
const changed = (
  document: Json,
  [head, ...rest]: ReadonlyArray<string>,
  change: (container: Json, key: string) => Json,
): Json => {
  if (head === undefined) return document
  if (rest.length === 0) return change(document, head)
  const inner = changed(valueAt(document, [head]), rest, change)
  if (Array.isArray(document)) return document.with(Number(head), inner)
  return isRecord(document) ? { ...document, [head]: inner } : document
}

const added = (container: Json, key: string, value: Json): Json => {
  if (Array.isArray(container)) {
    return key === "-" ? [...container, value] : container.toSpliced(Number(key), 0, value)
  }
  return { ...(isRecord(container) ? container : {}), [key]: value }
}

const removed = (container: Json, key: string): Json => {
  if (Array.isArray(container)) return container.toSpliced(Number(key), 1)
  if (!isRecord(container)) return container
  const { [key]: _removed, ...rest } = container
  return rest
}

const add = (document: Json, path: ReadonlyArray<string>, value: Json): Json =>
  path.length === 0 ? value : changed(document, path, (container, key) => added(container, key, value))

const remove = (document: Json, path: ReadonlyArray<string>): Json =>
  path.length === 0 ? undefined : changed(document, path, removed)

const replace = (document: Json, path: ReadonlyArray<string>, value: Json): Json =>
  path.length === 0
    ? value
    : changed(document, path, (container, key) =>
        Array.isArray(container)
          ? container.with(Number(key), value)
          : { ...(isRecord(container) ? container : {}), [key]: value },
      )

const applyOne = (document: Json, operation: unknown): Json => {
  if (!isRecord(operation) || typeof operation["path"] !== "string") return document
  const path = partsOf(operation["path"])
  const from = typeof operation["from"] === "string" ? partsOf(operation["from"]) : []
  switch (operation["op"]) {
    case "add":
      return add(document, path, operation["value"])
    case "replace":
      return replace(document, path, operation["value"])
    case "remove":
      return remove(document, path)
    case "move":
      return add(remove(document, from), path, valueAt(document, from))
    case "copy":
      return add(document, path, valueAt(document, from))
    default:
      return document
  }
}

/** The document after these operations. One that does not fit it changes nothing. */
export const applyPatch = (document: Json, operations: unknown): Json =>
  (Array.isArray(operations) ? operations : []).reduce<Json>((current, operation) => {
    try {
      return applyOne(current, operation)
    } catch {
      return current
    }
  }, document)
