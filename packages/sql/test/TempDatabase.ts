import { Effect, Layer } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { SqlControlPlane } from "../src/index.js"

/** A folder of its own that goes with the Scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "runlease-sql-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true })),
)

/** The path of a database that is not there yet, in a folder that goes with the Scope. */
export const filename = Effect.map(folder, (directory) => path.join(directory, "runlease.db"))

/** A control plane on a database of its own. */
export const layer = Layer.unwrapScoped(
  Effect.map(filename, (file) => SqlControlPlane.layerSqlite({ filename: file })),
)
