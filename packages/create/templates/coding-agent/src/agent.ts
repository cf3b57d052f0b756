/** The coding agent that works on the runs. */
import { AcpExecutor } from "@runlease/executor-acp"
import { Config, Effect, Layer, Option } from "effect"
import { createRequire } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"

const standIn = [
  process.execPath,
  "--import",
  pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href,
  fileURLToPath(new URL("../agent/stand-in.ts", import.meta.url)),
]

/** The agent that AGENT names, such as `opencode acp`; else the stand-in, which needs no model. */
export default Layer.unwrapEffect(
  Effect.map(Config.option(Config.nonEmptyString("AGENT")), (line) => {
    const [command = "", ...args] = Option.match(line, {
      onNone: () => standIn,
      onSome: (words) => words.split(" "),
    })
    return AcpExecutor.layerWith({
      command,
      args,
      // Each edit and each command waits for a person: "allow" and "deny" decide without one.
      permission: "ask",
      // A conversation has a folder below this one.
      workRoot: "work",
      passEnv: [...AcpExecutor.defaultPassEnv, "ANTHROPIC_API_KEY", "OPENAI_API_KEY"],
    })
  }),
)
