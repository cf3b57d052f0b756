/**
 * The working folder of a conversation, `workRoot/<conversation>`. It stays between runs. The locks are in
 * `workRoot/.locks`.
 */
import { Executor, type Ids } from "@runlease/core"
import { Effect, type Scope } from "effect"
import { execFile } from "node:child_process"
import { mkdir, realpath, stat } from "node:fs/promises"
import { join } from "node:path"
import * as Failure from "./Failure.js"
import * as Lock from "./Lock.js"

export interface Options extends Omit<Lock.Options, "folder"> {
  readonly workRoot: string
  /** The repository of the worktrees, if each folder is a worktree. */
  readonly worktreeOf: string | undefined
  readonly env: Readonly<Record<string, string>>
}

export const locksOf = (workRoot: string): string => join(workRoot, ".locks")

const unavailable = (workRoot: string) => (cause: unknown) =>
  Failure.of(
    "work_dir_unavailable",
    `Cannot make a working folder under ${workRoot}: check that it is writable and not full`,
    {
      retryable: true,
      cause,
    },
  )

const git = (options: Options, repository: string, ...args: ReadonlyArray<string>) =>
  Effect.async<string, Executor.ExecutorError>((resume) => {
    const child = execFile(
      "git",
      ["-C", repository, ...args],
      { env: { ...options.env, GIT_TERMINAL_PROMPT: "0" } },
      (error, stdout, stderr) =>
        resume(
          error === null
            ? Effect.succeed(stdout)
            : Failure.of(
                "worktree_failed",
                `git ${args.join(" ")} in ${repository}: ${stderr.trim() || error.message}`,
                {
                  cause: error,
                },
              ),
        ),
    )
    return Effect.sync(() => void child.kill())
  })

const exists = (path: string): Effect.Effect<boolean> => Effect.isSuccess(Effect.tryPromise(() => stat(path)))

/** Adds a worktree. Callers add one at a time, since git fails when another process holds its lock. */
const addWorktree = (options: Options, repository: string, folder: string, name: string) =>
  Effect.gen(function* () {
    if (yield* exists(join(folder, ".git"))) return
    const branch = `runlease/${name}`
    yield* git(options, repository, "worktree", "prune")
    const branchExists = yield* Effect.isSuccess(
      git(options, repository, "rev-parse", "--verify", "--quiet", `refs/heads/${branch}`),
    )
    yield* git(
      options,
      repository,
      "worktree",
      "add",
      ...(branchExists ? [folder, branch] : ["-b", branch, folder, "HEAD"]),
    )
  })

export interface WorkFolder {
  /** The real path of a conversation's folder, which stays locked until the Scope closes. */
  readonly use: (
    conversationId: Ids.ConversationId,
    mark: string,
  ) => Effect.Effect<string, Executor.ExecutorError, Scope.Scope>
}

export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<WorkFolder> {
  const { workRoot, worktreeOf } = options
  const one = yield* Effect.makeSemaphore(1)

  const use: WorkFolder["use"] = (conversationId, mark) =>
    Effect.gen(function* () {
      const folder = join(workRoot, conversationId)
      yield* Lock.hold({ ...options, folder: locksOf(workRoot) }, conversationId, mark)
      if (worktreeOf !== undefined) {
        yield* one.withPermits(1)(addWorktree(options, worktreeOf, folder, conversationId))
      }
      return yield* Effect.tryPromise({
        try: async () => {
          await mkdir(folder, { recursive: true })
          return await realpath(folder)
        },
        catch: unavailable(workRoot),
      })
    })
  return { use }
})
