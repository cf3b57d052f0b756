/**
 * The names of limits: the limit of a concurrency key has the key in its name.
 *
 * @since 0.1.0
 */

const prefix = "key:"

/** The limit of the runs that share a concurrency key. */
export const ofKey = (concurrencyKey: string): string => prefix + concurrencyKey

/** The concurrency key of a limit. */
export const keyOf = (limit: string): string => limit.slice(prefix.length)
