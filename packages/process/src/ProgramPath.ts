/** Finds the file of a program as the system does when it starts one. */
import { Data, Effect } from "effect"
import { accessSync, constants, statSync } from "node:fs"
import { delimiter, resolve } from "node:path"

/** The search path without PATH. */
const systemPath = "/usr/local/bin:/bin:/usr/bin"

/** The program does not exist, or its file is not executable. */
export class ProgramUnusable extends Data.TaggedError("ProgramUnusable")<{
  readonly command: string
  readonly reason: "not_found" | "not_executable"
}> {
  override get message() {
    const problem = this.reason === "not_found" ? "it is not found" : "it is not an executable file"
    return `Cannot start ${JSON.stringify(this.command)}: ${problem}`
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
 * The file of `command`: a path that starts at the working folder, or a name in one of the folders of `path`.
 *
 * Fails: `ProgramUnusable` with the reason.
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
