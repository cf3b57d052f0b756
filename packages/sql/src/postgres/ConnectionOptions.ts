/** How to connect to PostgreSQL. */
import type { Duration, Redacted } from "effect"

/**
 * `url`: such as `postgres://user:password@host:5432/database?sslmode=require`.
 *
 * `connectTimeout`: how long to wait for a connection, 5 seconds when absent. `statementTimeout`: how long a statement may
 * take, 30 seconds. `lockTimeout`: how long a statement may wait for a lock, 2 seconds. `idleInTransactionTimeout`: how long
 * the database waits for the next statement of a transaction before it rolls back, 10 seconds.
 */
export interface ConnectionOptions {
  readonly url: Redacted.Redacted
  readonly connectTimeout?: Duration.DurationInput | undefined
  readonly statementTimeout?: Duration.DurationInput | undefined
  readonly lockTimeout?: Duration.DurationInput | undefined
  readonly idleInTransactionTimeout?: Duration.DurationInput | undefined
}
