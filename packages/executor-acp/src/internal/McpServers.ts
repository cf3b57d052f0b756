/** Selects the MCP servers that an agent can connect to. */
import type { AgentCapabilities, McpServer } from "@agentclientprotocol/sdk"
import { Array as Arrays, Effect } from "effect"

/** Every agent supports servers over stdio. */
const supports = ({ mcpCapabilities }: AgentCapabilities, server: McpServer): boolean =>
  !("type" in server) || mcpCapabilities?.[server.type] === true

/** The servers of a supported kind. The others are left out with a warning. */
export const selectSupported = (
  name: string,
  capabilities: AgentCapabilities,
  servers: ReadonlyArray<McpServer>,
): Effect.Effect<ReadonlyArray<McpServer>> => {
  const [unsupported, usable] = Arrays.partition(servers, (server) => supports(capabilities, server))
  if (unsupported.length === 0) return Effect.succeed(usable)
  const names = unsupported.map((server) => `${server.name}${"type" in server ? ` (${server.type})` : ""}`)
  return Effect.as(
    Effect.logWarning(`${name} cannot connect to MCP servers of this kind: ${names.join(", ")}`),
    usable,
  )
}
