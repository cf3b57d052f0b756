/**
 * Messages, parts and operations of AG-UI that a later version adds. A reader leaves them out, and says so.
 *
 * The protocol distinguishes members by a text. A value that is no text there is wrong, and no member of a later version: it stays.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/basic/processing
 */
import { Predicate } from "effect"

const parts = new Set(["text", "image", "audio", "video", "document"])
const sources = new Set(["data", "url", "file"])
const roles = new Set(["developer", "system", "assistant", "user", "tool", "activity", "reasoning"])
const operations = new Set(["add", "remove", "replace", "move", "copy", "test"])

/** Whether the value of the member's `field` is not in `defined`. */
export const isUnknown = (member: unknown, field: string, defined: ReadonlySet<string>): boolean =>
  Predicate.isRecord(member) && typeof member[field] === "string" && !defined.has(member[field])

const knownVersion = /^1\.[01]$/

/** Whether a peer of that `protocolVersion` sends what this package knows. */
export const isKnownVersion = (version: string): boolean => knownVersion.test(version)

/** Leaves out members, and keeps where they stood in `dropped`. */
export interface Reader {
  readonly dropped: ReadonlyArray<string>

  /** Notes a member that is left out. */
  readonly drop: (path: string) => readonly []

  /** Parts of a message or of a tool's result, where the content is in parts. */
  readonly content: (content: unknown, path: string) => unknown

  /** Operations of a JSON Patch. */
  readonly patch: (patch: unknown, path: string) => unknown

  /** Messages, and the parts of each. */
  readonly messages: (messages: unknown, path: string) => unknown
}

/** A reader of one value. `toPart` converts to a part as AG-UI 1.0 has it, where it is one of an older version. */
export const make = (toPart: (part: unknown) => unknown = (part) => part): Reader => {
  const dropped: Array<string> = []
  const drop = (path: string): readonly [] => {
    dropped.push(path)
    return []
  }
  const each = (values: unknown, path: string, f: (value: unknown, path: string) => ReadonlyArray<unknown>) =>
    Array.isArray(values) ? values.flatMap((value: unknown, index) => f(value, `${path}.${index}`)) : values

  const content: Reader["content"] = (value, path) =>
    each(value, path, (one, at) => {
      const part = toPart(one)
      return isUnknown(part, "type", parts) ||
        (Predicate.isRecord(part) && isUnknown(part["source"], "type", sources))
        ? drop(at)
        : [part]
    })

  return {
    dropped,
    drop,
    content,
    patch: (patch, path) =>
      each(patch, path, (operation, at) => (isUnknown(operation, "op", operations) ? drop(at) : [operation])),
    messages: (messages, path) =>
      each(messages, path, (message, at) => {
        if (isUnknown(message, "role", roles)) return drop(at)
        return [
          Predicate.isRecord(message) && Array.isArray(message["content"])
            ? { ...message, content: content(message["content"], `${at}.content`) }
            : message,
        ]
      }),
  }
}
