/**
 * The card of an agent, by which clients of A2A find out how to speak to it.
 *
 * Source: https://a2a-protocol.org/v1.0.0/specification, section 8
 */
import { version } from "./Protocol.js"

const modes = ["text/plain", "application/json"]

/** What workers say of an agent; nothing of one that none has registered. */
export interface About {
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly version?: string | undefined
}

/**
 * The card of the agent at `url`. Both bindings are at one address. Without `about` it says only what is true of every agent, so anybody may read it.
 */
export const of = (agentId: string, url: string, about: About = {}): object => {
  const { description = `Runs of the agent ${agentId}`, name = agentId } = about
  return {
    name,
    description,
    version: about.version ?? "1",
    supportedInterfaces: [
      { url, protocolBinding: "JSONRPC", protocolVersion: version },
      { url, protocolBinding: "HTTP+JSON", protocolVersion: version },
    ],
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: true },
    securitySchemes: { bearer: { httpAuthSecurityScheme: { scheme: "Bearer" } } },
    securityRequirements: [{ schemes: { bearer: { list: [] } } }],
    defaultInputModes: [...modes, "*/*"],
    defaultOutputModes: modes,
    skills: [{ id: agentId, name, description, tags: [agentId] }],
  }
}
