/**
 * The names of limits: what a limit is of is in its name.
 *
 * @since 0.1.0
 */

/**
 * What a limit is of: the runs that share a concurrency key, or those of an agent.
 *
 * @since 0.1.0
 * @category models
 */
export interface LimitSubject {
  readonly kind: "concurrency_key" | "agent"
  readonly key: string
}

const prefixes = { concurrency_key: "key:", agent: "agent:" } as const

/** The name of a limit. */
export const nameOf = ({ key, kind }: LimitSubject): string => prefixes[kind] + key

/** The limit of the runs that share a concurrency key. */
export const ofKey = (concurrencyKey: string): string => prefixes.concurrency_key + concurrencyKey

/** The limit of the runs of an agent. */
export const ofAgent = (agentId: string): string => prefixes.agent + agentId

/** Whether a limit of this name is of all runs of an agent, and not of those alone whose submissions name it. */
export const governs = (limit: string): boolean => limit.startsWith(prefixes.agent)

/** What a limit is of. */
export const subjectOf = (limit: string): LimitSubject =>
  governs(limit)
    ? { kind: "agent", key: limit.slice(prefixes.agent.length) }
    : { kind: "concurrency_key", key: limit.slice(prefixes.concurrency_key.length) }
