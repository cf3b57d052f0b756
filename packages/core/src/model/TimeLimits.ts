/** How long a run may wait for its first claim, and how long it may work. */
import { Schema } from "effect"

/** The longest limit of time, in seconds: 365 days. */
export const maxSeconds = 31_536_000

/** A limit of time in whole seconds, 1 to `maxSeconds`. */
export const Seconds = Schema.Int.pipe(Schema.between(1, maxSeconds))

/**
 * The limits of time of a run; absent is none.
 *
 * `ttlSeconds`: a run that no worker has claimed by then is cancelled with code `EXPIRED`. It counts from when the run was submitted, or from
 * its `availableAt` where that is later. `timeoutSeconds`: a run that has worked for so long in all of its attempts fails with code
 * `TIMEOUT`. It counts the time under leases, so no wait and no time in the queue.
 *
 * Source: docs/decisions/0099-limits-of-time.md
 */
export interface TimeLimits {
  readonly ttlSeconds?: number | undefined
  readonly timeoutSeconds?: number | undefined
}

/** The limits among these fields; null where there are none. */
export const limitsOf = ({ timeoutSeconds, ttlSeconds }: TimeLimits): TimeLimits | null =>
  ttlSeconds === undefined && timeoutSeconds === undefined
    ? null
    : {
        ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
        ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      }

/** The code of a run that no worker has claimed in time. */
export const expiredCode = "EXPIRED"

/** The code of a run that has worked for as long as it may. */
export const timeoutCode = "TIMEOUT"
