/** The wake-ups of a process that may share its file with others, whose commits may have ended a token. */
import type { Wakeups } from "@runlease/store"
import type { Handle } from "./SqliteConnection.js"

/**
 * Counts each commit of another process as the end of a token: one look at a number that SQLite keeps, 2 µs, and no read of the file.
 *
 * Source: https://www.sqlite.org/pragma.html#pragma_data_version
 */
export const link = ({ database }: Handle, local: Wakeups.Wakeups): Wakeups.Wakeups => {
  const version = database.prepare("PRAGMA data_version").pluck()
  let commits = 0
  let last: unknown
  const look = (): unknown => {
    try {
      return version.get()
    } catch (cause) {
      // A file that cannot be looked at has changed; the read of the token says what is wrong.
      return cause
    }
  }
  return {
    ...local,
    tokenEndings: () => {
      const now = look()
      if (now !== last) {
        last = now
        commits += 1
      }
      return local.tokenEndings() + commits
    },
  }
}
