/** A working folder for one run. */
import { Executor } from "@runlease/core"
import { Effect, type Scope } from "effect"
import { randomUUID } from "node:crypto"
import { mkdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"

/** The absolute path of a new folder under `root`. The folder does not exist yet. */
export const newPath = (root: string = tmpdir()): Effect.Effect<string> =>
  Effect.sync(() => join(resolve(root), `runlease-${randomUUID()}`))

/**
 * Creates a folder at `path`, private to this user. The Scope removes it with its content.
 *
 * Fails: `work_dir_unavailable` (retryable).
 */
export const create = (path: string): Effect.Effect<void, Executor.ExecutorError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        await mkdir(dirname(path), { recursive: true })
        await mkdir(path, { mode: 0o700 })
      },
      catch: (cause) =>
        new Executor.ExecutorError({
          code: "work_dir_unavailable",
          message: `Cannot make a working folder under ${dirname(path)}: check that it is writable and not full`,
          retryable: true,
          cause,
        }),
    }),
    () =>
      Effect.tryPromise(() => rm(path, { recursive: true, force: true, maxRetries: 3 })).pipe(
        Effect.catchAll((error) =>
          Effect.logWarning(`Cannot remove the working folder ${path}`, error.cause),
        ),
      ),
  )
