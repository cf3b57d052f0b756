/**
 * The wake-ups of a process that may share its file with others, whose commits may have ended a token, or inserted rows into the outbox.
 *
 * Both are one look at a number that SQLite keeps, 2 µs, and no read of the file.
 *
 * Source: https://www.sqlite.org/pragma.html#pragma_data_version
 */
import type { Wakeups } from "@runlease/store"
import { Effect, type Scope } from "effect"
import type { Handle } from "./SqliteConnection.js"

/** The milliseconds until the commit of another process is noticed, in real time, whatever the Clock is. */
const lookEvery = 20

/**
 * Counts each commit of another process as the end of a token, and takes it for one that inserts into the outbox.
 */
export const link = (
  { database }: Handle,
  local: Wakeups.Wakeups,
  outboxGrew: () => void,
): Effect.Effect<Wakeups.Wakeups, never, Scope.Scope> => {
  const version = database.prepare("PRAGMA data_version").pluck()
  const look = (): unknown => {
    try {
      return version.get()
    } catch (cause) {
      // A file that cannot be looked at has changed; the next read of it says what is wrong.
      return cause
    }
  }
  let commits = 0
  let last: unknown
  let watched = look()
  const watch = () => {
    const now = look()
    if (now === watched) return
    watched = now
    outboxGrew()
  }
  const watching = Effect.acquireRelease(
    Effect.sync(() => setInterval(watch, lookEvery).unref()),
    (timer) => Effect.sync(() => clearInterval(timer)),
  )
  return Effect.as(watching, {
    ...local,
    tokenEndings: () => {
      const now = look()
      if (now !== last) {
        last = now
        commits += 1
      }
      return local.tokenEndings() + commits
    },
  })
}
