/** The names of limits: what a limit is of is in its name. The key of the limit of a project is its id. */
import type { LimitSubject } from "@runlease/core/Limits"

const prefixes = { concurrency_key: "key:", agent: "agent:", named: "name:", project: "project:" } as const

/** What the names of the limits of all keys of a limit with a name begin with. Such a name has no colon. */
export const prefixOf = (name: string): string => `${prefixes.named}${name}:`

export const nameOf = ({ key, kind, name }: LimitSubject): string =>
  (name === null ? prefixes[kind] : prefixOf(name)) + key

/** The limit of the runs that share a concurrency key. */
export const ofKey = (concurrencyKey: string): string => prefixes.concurrency_key + concurrencyKey

/** The limit of the runs of an agent. */
export const ofAgent = (agentId: string): string => prefixes.agent + agentId

/** The limit of the runs of a project. */
export const ofProject = (projectId: string): string => prefixes.project + projectId

/** What a limit of this name is of all runs of; undefined for one of those runs alone whose submissions name it. */
export const scopeOf = (limit: string): "agent" | "project" | undefined =>
  limit.startsWith(prefixes.agent) ? "agent" : limit.startsWith(prefixes.project) ? "project" : undefined

/** What a limit is of. */
export const subjectOf = (limit: string): LimitSubject => {
  const kind = scopeOf(limit)
  if (kind !== undefined) return { kind, name: null, key: limit.slice(prefixes[kind].length) }
  if (!limit.startsWith(prefixes.named)) {
    return { kind: "concurrency_key", name: null, key: limit.slice(prefixes.concurrency_key.length) }
  }
  const named = limit.slice(prefixes.named.length)
  const colon = named.indexOf(":")
  return { kind: "named", name: named.slice(0, colon), key: named.slice(colon + 1) }
}

/** A limit without its key, of which there is no bound: a label of metrics. Empty for the keys of submissions, and for a project. */
export const withoutKey = ({ key, kind, name }: LimitSubject): string =>
  kind === "agent" ? key : (name ?? "")
