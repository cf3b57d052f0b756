/**
 * Confines the paths of an agent's requests to its working folder.
 *
 * All links of a path are followed before the check, also the last component, so a link out of the folder is refused. This
 * does not confine the agent's own processes, which have the rights of the worker's user. A sandbox around the worker can
 * confine those.
 */
import { RequestError } from "@agentclientprotocol/sdk"
import { Effect } from "effect"
import { lstat, realpath } from "node:fs/promises"
import { basename, dirname, isAbsolute, join, normalize, relative, sep } from "node:path"

export const refuse = (message: string): RequestError =>
  new RequestError(-32602, message, { details: message })

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "unknown"

/** An error of the file system. The message has its code only, so that it reveals nothing outside the folder. */
export const fileError = (path: string, error: unknown): RequestError => {
  const code = codeOf(error)
  return code === "ENOENT" ? RequestError.resourceNotFound(path) : refuse(`${path}: ${code}`)
}

const within = (root: string, path: string): boolean => {
  const rest = relative(root, path)
  return rest === "" || (rest !== ".." && !rest.startsWith(`..${sep}`) && !isAbsolute(rest))
}

/** The real path. Trailing components need not exist, but a link to a missing path is refused. */
const follow = async (path: string): Promise<string> => {
  try {
    return await realpath(path)
  } catch (error) {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error
    if (await exists(path)) throw refuse(`${path} is a link that leads nowhere`)
    return join(await follow(dirname(path)), basename(path))
  }
}

const exists = async (path: string): Promise<boolean> => {
  try {
    await lstat(path)
    return true
  } catch {
    return false
  }
}

/** The real path of an agent's path. Fails unless it is in `root`, which must be a real path. */
export const resolve = (root: string, path: string): Effect.Effect<string, RequestError> =>
  Effect.gen(function* () {
    if (!isAbsolute(path)) return yield* Effect.fail(refuse(`${path} is not an absolute path`))
    if (path.includes("\0")) return yield* Effect.fail(refuse("A path has no NUL character"))
    const real = yield* Effect.tryPromise({
      try: () => follow(normalize(path)),
      catch: (error) => (error instanceof RequestError ? error : fileError(path, error)),
    })
    return within(root, real)
      ? real
      : yield* Effect.fail(
          refuse(`${path} is outside of the working folder ${root}; only files in it can be reached`),
        )
  })
