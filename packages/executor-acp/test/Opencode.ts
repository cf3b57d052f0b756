/** opencode, a real agent, with its own home and one stand-in model. */
import { Effect } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as InstalledAgents from "./InstalledAgents.js"

/** The agent itself, without the package `opencode-ai` that selects one of the platforms and installs by script. */
export const agent = InstalledAgents.find("opencode", "opencode-linux-x64/bin/opencode", "linux-x64")

/** Its environment: a home at `root` with one model, at `url`. It asks before it edits. */
export const environment = (root: string, url: string) => {
  const config = join(root, "opencode.json")
  const provider = {
    npm: "@ai-sdk/openai-compatible",
    name: "Scripted",
    options: { baseURL: url, apiKey: "none" },
    models: { scripted: { name: "Scripted" } },
  }
  const settings = {
    model: "local/scripted",
    small_model: "local/scripted",
    provider: { local: provider },
    enabled_providers: ["local"],
    permission: { edit: "ask" },
    autoupdate: false,
    share: "disabled",
    snapshot: false,
    lsp: false,
  }
  return Effect.as(
    Effect.promise(() => writeFile(config, JSON.stringify(settings))),
    {
      HOME: root,
      TMPDIR: root,
      XDG_CACHE_HOME: join(root, "cache"),
      XDG_CONFIG_HOME: join(root, "config"),
      XDG_DATA_HOME: join(root, "data"),
      XDG_STATE_HOME: join(root, "state"),
      OPENCODE_CONFIG: config,
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      // Requests to other machines fail.
      HTTP_PROXY: "http://127.0.0.1:9",
      HTTPS_PROXY: "http://127.0.0.1:9",
      NO_PROXY: "127.0.0.1",
      npm_config_offline: "true",
    },
  )
}
