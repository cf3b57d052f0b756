/** What is settled with an agent before it has a session. */
import { type AgentCapabilities, type AuthMethod, PROTOCOL_VERSION } from "@agentclientprotocol/sdk"
import { Executor } from "@runlease/core"
import { Effect } from "effect"
import type { Agent } from "./Agent.js"
import * as Failure from "./Failure.js"

export interface Agreed {
  readonly capabilities: AgentCapabilities
  readonly info: { readonly name: string; readonly version: string } | undefined
  readonly authMethods: ReadonlyArray<AuthMethod>
}

export const initialize = (
  agent: Agent,
  name: string,
): Effect.Effect<Agreed, Failure.Refused | Executor.ExecutorError> =>
  Effect.flatMap(
    agent.request("initialize", {
      protocolVersion: PROTOCOL_VERSION,
      clientInfo: { name: "runlease", version: "0.1.0" },
      clientCapabilities: { fs: { readTextFile: true, writeTextFile: true }, terminal: true },
    }),
    ({ agentCapabilities, agentInfo, authMethods, protocolVersion }) =>
      protocolVersion === PROTOCOL_VERSION
        ? Effect.succeed({
            capabilities: agentCapabilities ?? {},
            info: agentInfo ?? undefined,
            authMethods: authMethods ?? [],
          })
        : Failure.of(
            "agent_protocol_version",
            `${name} speaks version ${protocolVersion} of the Agent Client Protocol; version ${PROTOCOL_VERSION} is needed`,
          ),
  )

const describe = ({ description, id, name }: AuthMethod): string =>
  `${name} (${id})${description == null ? "" : `: ${description}`}`

/** Authenticates when the agent demands it, by the method that the options name, and tries once more. */
export const authenticated = <A>(
  agent: Agent,
  name: string,
  { authMethods }: Agreed,
  methodId: string | undefined,
  effect: Effect.Effect<A, Failure.Refused | Executor.ExecutorError>,
): Effect.Effect<A, Failure.Refused | Executor.ExecutorError> =>
  Effect.catchIf(
    effect,
    (error) => error._tag === "Refused" && Failure.asksForAuthentication(error),
    (refused) => {
      if (methodId !== undefined) return Effect.zipRight(agent.request("authenticate", { methodId }), effect)
      const ways = authMethods.length === 0 ? "it names no way to" : authMethods.map(describe).join("; ")
      return Failure.of(
        "agent_auth_required",
        `${name} demands that its user is logged in (${refused.message}). Log in as the worker's user, pass the variables that it reads its key from, or name one of its ways as authMethod: ${ways}`,
      )
    },
  )
