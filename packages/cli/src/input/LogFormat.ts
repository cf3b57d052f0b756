/**
 * The format of the log before the arguments are read: errors until then are printed in it too.
 */
import { Config, Effect } from "effect"
import type * as Log from "../output/Log.js"

/** The commands that have `--log-format`. */
const logging = new Set(["serve", "worker"])

/** The log format that a command line and its settings request, before they are checked. */
export const requested = (args: ReadonlyArray<string>): Effect.Effect<Log.Format> => {
  if (!logging.has(args[0] ?? "")) return Effect.succeed("text")
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args
  const at = own.findLastIndex((arg) => arg === "--log-format" || arg.startsWith("--log-format="))
  const flag = own[at] === "--log-format" ? own[at + 1] : own[at]?.slice("--log-format=".length)
  const isJson = (format: string): Log.Format => (format === "json" ? "json" : "text")
  return flag === undefined
    ? Effect.map(
        Effect.orElseSucceed(Config.string("RUNLEASE_LOG_FORMAT"), () => "text"),
        isJson,
      )
    : Effect.succeed(isJson(flag))
}
