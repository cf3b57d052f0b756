/**
 * Where a program is, found as the system finds it when it starts one.
 *
 * @since 0.1.0
 */
import { Data, Effect } from "effect"
import { accessSync, constants, statSync } from "node:fs"
import { delimiter, resolve } from "node:path"

/** Where programs are looked for without PATH. */
const systemPath = "/usr/local/bin:/bin:/usr/bin"

/**
 * A program that cannot be started: there is none, or what is there cannot be executed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ProgramUnusable extends Data.TaggedError("ProgramUnusable")<{
  readonly command: string
  readonly reason: "not_found" | "not_executable"
}> {
  override get message() {
    const what = this.reason === "not_found" ? "it is not found" : "it is not an executable file"
    return `Cannot start ${JSON.stringify(this.command)}: ${what}`
  }
}

const stateOf = (file: string): "executable" | ProgramUnusable["reason"] => {
  try {
    if (!statSync(file).isFile()) return "not_executable"
  } catch {
    return "not_found"
  }
  try {
    accessSync(file, constants.X_OK)
    return "executable"
  } catch {
    return "not_executable"
  }
}

/**
 * The file of `command`: a path, relative to the working folder, or a name that is in a folder of `path`.
 *
 * @since 0.1.0
 * @category lookup
 */
export const find = (command: string, path: string = systemPath): Effect.Effect<string, ProgramUnusable> =>
  Effect.suspend(() => {
    const files = command.includes("/")
      ? [resolve(command)]
      : path.split(delimiter).map((folder) => resolve(folder, command))
    const states = files.map(stateOf)
    const found = states.indexOf("executable")
    if (found >= 0) return Effect.succeed(files[found]!)
    const reason = command !== "" && states.includes("not_executable") ? "not_executable" : "not_found"
    return new ProgramUnusable({ command, reason })
  })
