/**
 * The key that seals the secrets of an SQLite file: a file beside it, which only its owner can read. A backup of the database without it has
 * secrets that nothing opens.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import { Secrets } from "@runlease/core"
import { Sealing } from "@runlease/store"
import { Effect } from "effect"
import * as fs from "node:fs"

/** The file of the key of a database. */
export const fileOf = (database: string): string => `${database}.key`

/** Two processes that make the file at once have the one key of the first. */
const readOrMake = (file: string, fresh: Sealing.Key): string => {
  try {
    const made = fs.openSync(file, "wx", 0o600)
    try {
      fs.writeSync(made, `${Sealing.toText(fresh)}\n`)
      fs.fsyncSync(made)
    } finally {
      fs.closeSync(made)
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  }
  return fs.readFileSync(file, "utf8")
}

const unusable = (file: string, reason: string) =>
  new Secrets.SecretsUnavailable({
    message: `${file} cannot be used as the key for secrets: ${reason}. Put the file of a backup there, or set ${Sealing.variable}`,
  })

/** The key of a database, which is made when the first secret is sealed or opened. */
export const keys = (database: string): Effect.Effect<Sealing.Keys, Secrets.SecretsUnavailable> => {
  const file = fileOf(database)
  let found: Sealing.Keys | undefined
  const look = Effect.gen(function* () {
    const fresh = yield* Sealing.generate
    const text = yield* Effect.try({
      try: () => readOrMake(file, fresh),
      catch: (cause) => unusable(file, cause instanceof Error ? cause.message : String(cause)),
    })
    found = Sealing.read(text)
    return found ?? (yield* unusable(file, "it has no key"))
  })
  return Effect.suspend(() => (found === undefined ? look : Effect.succeed(found)))
}
