// Imported first, since the modules below read the setting when they load.
import "./telemetry.js"
import { HttpAgent } from "@ag-ui/client"
import { CopilotRuntime } from "@copilotkit/runtime/v2"
import { createCopilotNodeListener } from "@copilotkit/runtime/v2/node"
import { RunleaseRunner } from "@runlease/copilotkit/RunleaseRunner"

/** The path of the runtime. */
export const basePath = "/api/copilotkit"

/**
 * CopilotKit's runtime, as a request listener of Node. It has no API key: it passes on the token of each request of the page, so a page can reach
 * its own thread alone.
 */
export const listener = (url: string) => {
  const runner = new RunleaseRunner({ url })
  const assistant = new HttpAgent({ url: `${url}/ag-ui/assistant?detach=true&busy=refuse` })
  return createCopilotNodeListener({
    basePath,
    runtime: new CopilotRuntime({ agents: { assistant }, runner }),
    hooks: runner.hooks,
  })
}
