// The command in a project of its own: what no command needs is not installed with it, and it counts no tokens.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { copilotKit } from "./copilotkit.mjs"
import { fail, installed, npm, project, without } from "./project.mjs"

/** Returns the folder of the project. */
export const checkCommandProject = (root, packed) => {
  const folder = project(join(root, "command"))
  const ours = without(packed, ["@runlease/testkit", copilotKit])
  npm(["install", "--ignore-scripts", "effect@~3.22.2", "@effect/platform@^0.97.2", ...ours], folder)
  const heavy = Object.keys(installed(folder)).filter((path) => /\/(gpt-tokenizer|tiktoken)$/.test(path))
  if (heavy.length > 0) fail(`installed with the command: ${heavy}`)
  const command = join(folder, "node_modules/.bin/runlease")
  const env = { ...process.env, RUNLEASE_API_KEY: "rlk_0", RUNLEASE_URL: "http://127.0.0.1:9" }
  for (const [model, provider] of [
    ["openai:gpt-4o", "@effect/ai-openai"],
    ["anthropic:claude", "@effect/ai-anthropic"],
  ]) {
    const { stderr } = spawnSync(command, ["worker", "--model", model], { env, encoding: "utf8" })
    if (!stderr.includes(`npm install ${provider}@`)) fail(`no package is named for ${model}: ${stderr}`)
  }
  return folder
}
