/**
 * The keys that runs of an agent have at its limits with names.
 *
 * Source: docs/decisions/0107-scopes-of-limits.md
 */
import { sha256 } from "@runlease/core/Digest"
import type { Labels } from "@runlease/core/Labels"
import { LimitKey } from "@runlease/core/Limits"
import type { RequestSnapshot } from "@runlease/core/RequestSnapshot"
import { Predicate, Schema } from "effect"

/** What the key of a run is read from. */
export interface Source {
  readonly snapshot: RequestSnapshot
  readonly labels: Labels
}

/** The key of all runs, where their limit says no path. */
export const allKey = "all"

/** The key of the runs that have no value at the path of their limit. */
export const noKey = "none"

const isKey = Schema.is(LimitKey)

const valueAt = (value: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (found, name) =>
      (Predicate.isRecord(found) || Array.isArray(found)) && Object.hasOwn(found, name)
        ? (found as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value,
  )

const valueOf = (keyFrom: string, { labels, snapshot }: Source): unknown => {
  const [root, ...path] = keyFrom.split(".")
  // The name of a label may have dots.
  if (root === "labels") return valueAt(labels, [path.join(".")])
  return root === "input"
    ? valueAt(snapshot.input, path)
    : valueAt(snapshot.messages.findLast(({ role }) => role === "user")?.metadata, path)
}

/** The key of a run at a limit with this path; null for no path. */
export const keyOf = (keyFrom: string | null, source: Source): string => {
  if (keyFrom === null) return allKey
  const value = valueOf(keyFrom, source)
  const isScalar = Predicate.isString(value) || Predicate.isNumber(value) || Predicate.isBoolean(value)
  const text = isScalar ? String(value) : ""
  if (text === "") return noKey
  return isKey(text) ? text : sha256(text)
}
