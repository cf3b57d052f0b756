/**
 * A small disk of its own, which can be filled. Linux lets root mount one.
 */
import { Effect, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import { closeSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"

export interface Disk {
  /** Writes a file until there is no room. */
  readonly fill: Effect.Effect<void>
  /** Removes that file. */
  readonly free: Effect.Effect<void>
}

const mount = (folder: string, size: string): boolean => {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=755`, "tmpfs", folder], {
      stdio: "ignore",
    })
    return true
  } catch {
    return false
  }
}

const fillUp = (path: string): void => {
  const file = openSync(path, "w")
  try {
    for (const length of [1 << 20, 1 << 12, 1]) {
      const block = Buffer.alloc(length)
      try {
        for (;;) if (writeSync(file, block) < length) break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
      }
    }
  } finally {
    closeSync(file)
  }
}

/** Puts the folder, which is empty, on a disk of that size (as `192m`) if one can be mounted. The Scope unmounts it. */
export const make = (folder: string, size: string): Effect.Effect<Disk | undefined, never, Scope.Scope> => {
  const filler = join(folder, "filler")
  return Effect.acquireRelease(
    Effect.sync(() => mount(folder, size)),
    (isMounted) =>
      Effect.sync(() => {
        if (isMounted) execFileSync("umount", ["--lazy", folder])
      }),
  ).pipe(
    Effect.map((isMounted) =>
      isMounted
        ? {
            fill: Effect.sync(() => fillUp(filler)),
            free: Effect.sync(() => rmSync(filler, { force: true })),
          }
        : undefined,
    ),
  )
}
