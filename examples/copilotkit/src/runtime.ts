// First, since what follows reads it as it is loaded.
import "./telemetry.js"
import { HttpAgent } from "@ag-ui/client"
import { CopilotRuntime } from "@copilotkit/runtime/v2"
import { createCopilotNodeListener } from "@copilotkit/runtime/v2/node"
import * as RunleaseRunner from "./RunleaseRunner.js"

/** Where the page finds the runtime. */
export const basePath = "/api/copilotkit"

/** CopilotKit's runtime, as a request listener of Node. The key of the project stays on this side. */
export const listener = ({ apiKey, url }: RunleaseRunner.Options) =>
  createCopilotNodeListener({
    basePath,
    runtime: new CopilotRuntime({
      agents: {
        assistant: new HttpAgent({
          url: `${url}/ag-ui/assistant?detach=true&busy=refuse`,
          headers: { Authorization: `Bearer ${apiKey}` },
        }),
      },
      runner: new RunleaseRunner.RunleaseRunner({ apiKey, url }),
    }),
  })
