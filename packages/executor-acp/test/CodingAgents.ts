/** claude-agent-acp and codex-acp, each with its own home and a stand-in model. */
import { Effect, type Scope } from "effect"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as AnthropicModel from "./AnthropicModel.js"
import * as InstalledAgents from "./InstalledAgents.js"
import type { Answer, Server } from "./ModelServer.js"
import * as ResponsesModel from "./ResponsesModel.js"

export interface CodingAgent extends InstalledAgents.InstalledAgent {
  /** A stand-in model with the agent's wire format. `answer` gets the body of a request. */
  readonly model: (answer: (body: string) => Answer) => Effect.Effect<Server, never, Scope.Scope>
  /** The agent's environment: a home at `root` with one model, at `url`. */
  readonly environment: (root: string, url: string) => Effect.Effect<Readonly<Record<string, string>>>
  /** Whether a request to the model ends with the result of a call. */
  readonly hasResult: (body: string) => boolean
  /** The model's answer that writes `text` into a file of the working folder. */
  readonly write: (file: string, text: string, body: string) => Answer
}

/** Requests to other machines fail. */
const proxies = {
  HTTP_PROXY: "http://127.0.0.1:9",
  HTTPS_PROXY: "http://127.0.0.1:9",
  NO_PROXY: "127.0.0.1",
}

const claude: CodingAgent = {
  ...InstalledAgents.find("claude-agent-acp", ".bin/claude-agent-acp"),
  model: AnthropicModel.make,
  environment: (root, url) =>
    Effect.succeed({
      HOME: root,
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: "none",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      ...proxies,
    }),
  hasResult: (body) => {
    const messages: ReadonlyArray<{ role: string; content: unknown }> = JSON.parse(body).messages
    const content = messages.findLast(({ role }) => role === "user")?.content
    return Array.isArray(content) && content.at(-1)?.type === "tool_result"
  },
  write: (file, text, body) => {
    const [, folder] = /[Ww]orking directory: ([^\\"]+)/.exec(body) ?? []
    return { tool: "Write", input: { file_path: join(folder ?? "/nowhere", file), content: text } }
  },
}

const codex: CodingAgent = {
  ...InstalledAgents.find("codex-acp", ".bin/codex-acp"),
  model: ResponsesModel.make,
  environment: (root, url) => {
    const home = join(root, ".codex")
    const settings = `
model = "gpt-5.5"
model_provider = "local"

[model_providers.local]
name = "Local"
base_url = "${url}/v1"
wire_api = "responses"
requires_openai_auth = false

[analytics]
enabled = false
`
    return Effect.as(
      Effect.promise(async () => {
        await mkdir(home)
        await writeFile(join(home, "config.toml"), settings)
      }),
      { HOME: root, CODEX_HOME: home, NO_BROWSER: "1", ...proxies },
    )
  },
  hasResult: (body) => {
    const items: ReadonlyArray<{ type: string; role?: string }> = JSON.parse(body).input
    const last = items.findLast(({ role, type }) => role === "user" || type === "function_call_output")
    return last?.type === "function_call_output"
  },
  write: (file, text) => ({
    tool: "exec_command",
    input: {
      cmd: `printf %s '${text}' > ${file}`,
      sandbox_permissions: "require_escalated",
      justification: `Write ${file}?`,
    },
  }),
}

export { claude, codex }
