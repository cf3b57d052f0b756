/**
 * Whether an open SQLite file is still the one that its name leads to. A file that was deleted or replaced can be
 * written for as long as it is open, and what is written is lost when the process ends.
 *
 * Source: docs/decisions/0021-lost-database-files.md
 */
import { SqlError } from "@effect/sql/SqlError"
import { Clock, Context, Data, Duration, Effect, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"

/** The file is not there, or another one is in its place. */
export class SqliteFileLost extends Data.TaggedError("SqliteFileLost")<{ readonly filename: string }> {
  override get message() {
    return (
      `The database file ${this.filename} was deleted or replaced while it was in use, so nothing is written. ` +
      "Move the same file back to go on; or copy what is still open, stop this process and restore a back-up"
    )
  }

  /** The same for callers that must not learn the names of files. */
  get detail() {
    return "The database file was deleted or replaced while the server used it, so nothing is written; the server's log says what to do"
  }
}

/** Checks that the file of the database is in its place. A database without a file always passes. */
export class SqliteFileCheck extends Context.Reference<SqliteFileCheck>()("@runlease/sql/SqliteFileCheck", {
  defaultValue: (): { readonly inPlace: Effect.Effect<void, SqlError> } => ({ inPlace: Effect.void }),
}) {}

/** The interval of the checks, so that a loss is noticed within a second. A commit does not check by itself. */
const interval = Duration.millis(500)

const attempt = <A>(look: () => A): A | undefined => {
  try {
    return look()
  } catch {
    return undefined
  }
}

/** The file that a name leads to now; undefined when it cannot be read. */
const identityOf = (name: string): string | undefined =>
  attempt(() => {
    const { dev, ino } = fs.statSync(name, { bigint: true })
    return `${dev}/${ino}`
  })

/** The files of a database. Its last commits are in the -wal, which has the name of the file behind any links. */
const filesOf = (filename: string): ReadonlyArray<string> => {
  const named = path.resolve(filename)
  return [named, `${attempt(() => fs.realpathSync(named)) ?? named}-wal`]
}

/** Watches the files of a database that is open, until the Scope closes. */
export const make = (
  filename: string,
): Effect.Effect<Context.Tag.Service<SqliteFileCheck>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const opened = filesOf(filename)
      .map((name) => ({ name, identity: identityOf(name) }))
      .filter(({ identity }) => identity !== undefined)
    const lost = new SqliteFileLost({ filename })
    const error = new SqlError({ cause: lost, message: lost.message })
    let inPlace = true

    const look = Effect.suspend(() => {
      const before = inPlace
      inPlace = opened.every(({ identity, name }) => identityOf(name) === identity)
      if (inPlace === before) return Effect.void
      return inPlace
        ? Effect.logInfo(`The database file ${filename} is back; writes go on`)
        : Effect.logError(lost.message)
    })
    yield* look.pipe(
      Effect.delay(interval),
      Effect.forever,
      // Files come and go in real time, whatever the Clock of the database is.
      Effect.withClock(Clock.make()),
      Effect.forkScoped,
    )
    return { inPlace: Effect.suspend(() => (inPlace ? Effect.void : Effect.fail(error))) }
  })
