// First, since what follows reads it as it is loaded.
import "./telemetry.js"
import { HttpAgent } from "@ag-ui/client"
import { CopilotRuntime, InMemoryAgentRunner } from "@copilotkit/runtime/v2"
import { createCopilotNodeListener } from "@copilotkit/runtime/v2/node"

/** Where `runlease serve` is, and a key of a project there, which stays on this side. */
export interface Backend {
  readonly url: string
  readonly apiKey: string
}

/** Where the page finds the runtime. */
export const basePath = "/api/copilotkit"

/** CopilotKit's runtime, as a request listener of Node. */
export const listener = ({ apiKey, url }: Backend) =>
  createCopilotNodeListener({
    basePath,
    runtime: new CopilotRuntime({
      agents: {
        assistant: new HttpAgent({
          // `detach`: a run goes on when this process or the page goes away, and ends when it is stopped.
          url: `${url}/ag-ui/assistant`,
          headers: { Authorization: `Bearer ${apiKey}` },
        }),
      },
      runner: new InMemoryAgentRunner(),
    }),
  })
