/**
 * Paths that an agent names, within its working folder.
 *
 * Every link on the way is followed before a path is judged, the last component included, so a link that leads out is
 * refused like the path that it leads to. An agent's own processes are not held by this: they have the rights of the
 * worker's user, and a sandbox around the worker is what bounds those.
 */
import { RequestError } from "@agentclientprotocol/sdk"
import { Effect } from "effect"
import { lstat, realpath } from "node:fs/promises"
import { basename, dirname, isAbsolute, join, normalize, relative, sep } from "node:path"

export const refuse = (message: string): RequestError =>
  new RequestError(-32602, message, { details: message })

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "unknown"

/** A failure of the file system, in the words of its code and without what is outside. */
export const failed = (path: string, error: unknown): RequestError => {
  const code = codeOf(error)
  return code === "ENOENT" ? RequestError.resourceNotFound(path) : refuse(`${path}: ${code}`)
}

const within = (root: string, path: string): boolean => {
  const way = relative(root, path)
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

/** Where a path leads; what of its end does not exist is taken as it is, but for a link that leads nowhere. */
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

/** The real path of what an agent names, which is `root` or in it. `root` is a real path itself. */
export const resolve = (root: string, path: string): Effect.Effect<string, RequestError> =>
  Effect.gen(function* () {
    if (!isAbsolute(path)) return yield* Effect.fail(refuse(`${path} is not an absolute path`))
    if (path.includes("\0")) return yield* Effect.fail(refuse("A path has no NUL character"))
    const real = yield* Effect.tryPromise({
      try: () => follow(normalize(path)),
      catch: (error) => (error instanceof RequestError ? error : failed(path, error)),
    })
    return within(root, real)
      ? real
      : yield* Effect.fail(
          refuse(`${path} is outside of the working folder ${root}; only what is in it can be reached`),
        )
  })
