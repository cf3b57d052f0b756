/**
 * Opens a page in the browser of the person at the terminal.
 */
import { Config, Effect } from "effect"
import { spawn } from "node:child_process"

/** How each system opens an address. */
const openers: Readonly<Partial<Record<NodeJS.Platform, ReadonlyArray<string>>>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
}

/**
 * Opens a page where a person sits at a terminal of this machine. The variable BROWSER names another program than that of the system,
 * and `none` opens nothing. A system without a browser is no failure.
 */
export const open = (url: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const chosen = yield* Config.withDefault(Config.string("BROWSER"), "")
    const isRemote = (yield* Config.withDefault(Config.string("SSH_CONNECTION"), "")) !== ""
    if (process.stdout.isTTY !== true || chosen === "none" || (isRemote && chosen === "")) return
    const [command, ...args] = chosen === "" ? (openers[process.platform] ?? ["xdg-open"]) : [chosen]
    yield* Effect.sync(() => {
      const child = spawn(command!, [...args, url], { detached: true, stdio: "ignore" })
      child.on("error", () => {})
      child.unref()
    })
  }).pipe(Effect.ignore)
