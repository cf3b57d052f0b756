import { Effect, Layer } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { SqlControlPlane } from "../src/index.js"

/** A new folder, which the Scope removes. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "runlease-sql-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true })),
)

/** The path of a database file that does not exist yet, in a folder that the Scope removes. */
export const filename = Effect.map(folder, (directory) => path.join(directory, "runlease.db"))

/** The content of a new database, made once: to migrate one takes longer than most tests. */
const migrated = Effect.runSync(
  Effect.cached(
    Effect.scoped(
      Effect.gen(function* () {
        const file = yield* filename
        yield* Effect.scoped(Layer.build(SqlControlPlane.layerSqlite({ filename: file })))
        return fs.readFileSync(file)
      }),
    ),
  ),
)

/** A control plane on a new database. */
export const layer = Layer.unwrapScoped(
  Effect.gen(function* () {
    const file = yield* filename
    fs.writeFileSync(file, yield* migrated, { mode: 0o600 })
    return SqlControlPlane.layerSqlite({ filename: file })
  }),
)
