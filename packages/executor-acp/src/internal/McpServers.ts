/** The MCP servers that an agent can connect to. */
import type { AgentCapabilities, McpServer } from "@agentclientprotocol/sdk"
import { Array as Arrays, Effect } from "effect"

/** Every agent takes servers over stdio. */
const takes = ({ mcpCapabilities }: AgentCapabilities, server: McpServer): boolean =>
  !("type" in server) || mcpCapabilities?.[server.type] === true

/** The servers of kinds that the agent declared. The others are left out, with a warning. */
export const supported = (
  name: string,
  capabilities: AgentCapabilities,
  servers: ReadonlyArray<McpServer>,
): Effect.Effect<ReadonlyArray<McpServer>> => {
  const [left, taken] = Arrays.partition(servers, (server) => takes(capabilities, server))
  if (left.length === 0) return Effect.succeed(taken)
  const names = left.map((server) => `${server.name}${"type" in server ? ` (${server.type})` : ""}`)
  return Effect.as(
    Effect.logWarning(`${name} cannot connect to MCP servers of this kind: ${names.join(", ")}`),
    taken,
  )
}
