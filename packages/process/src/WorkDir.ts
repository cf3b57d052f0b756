/**
 * A working folder for one run.
 *
 * @since 0.1.0
 */
import { Executor } from "@runlease/core"
import { Effect, type Scope } from "effect"
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

/**
 * A new folder under `root`, private to this user, removed with all it holds when the scope closes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (root: string = tmpdir()): Effect.Effect<string, Executor.ExecutorError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        await mkdir(root, { recursive: true })
        return await mkdtemp(join(resolve(root), "runlease-"))
      },
      catch: (cause) =>
        new Executor.ExecutorError({
          code: "work_dir_unavailable",
          message: `Cannot make a working folder under ${root}: check that it is writable and not full`,
          retryable: true,
          cause,
        }),
    }),
    (path) =>
      Effect.tryPromise(() => rm(path, { recursive: true, force: true, maxRetries: 3 })).pipe(
        Effect.catchAll((error) =>
          Effect.logWarning(`Cannot remove the working folder ${path}`, error.cause),
        ),
      ),
  )
