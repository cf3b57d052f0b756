// Imported first, since the modules below read the setting when they load.
import "./telemetry.js"
import { HttpAgent } from "@ag-ui/client"
import { CopilotRuntime } from "@copilotkit/runtime/v2"
import { createCopilotNodeListener } from "@copilotkit/runtime/v2/node"
import { type Options, RunleaseRunner } from "@runlease/copilotkit/RunleaseRunner"

/** The path of the runtime. */
export const basePath = "/api/copilotkit"

/** CopilotKit's runtime, as a request listener of Node. The API key stays on this side. */
export const listener = ({ apiKey, url }: Options) =>
  createCopilotNodeListener({
    basePath,
    runtime: new CopilotRuntime({
      agents: {
        assistant: new HttpAgent({
          url: `${url}/ag-ui/assistant?detach=true&busy=refuse`,
          headers: { Authorization: `Bearer ${apiKey}` },
        }),
      },
      runner: new RunleaseRunner({ apiKey, url }),
    }),
  })
