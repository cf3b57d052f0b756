/** The handshake with an agent, and its authentication, before it has a session. */
import { type AgentCapabilities, type AuthMethod, PROTOCOL_VERSION } from "@agentclientprotocol/sdk"
import { Executor } from "@runlease/core"
import { Effect } from "effect"
import type { Agent } from "./Agent.js"
import * as Failure from "./Failure.js"
import * as WellFormed from "./WellFormed.js"

export interface Agreement {
  readonly capabilities: AgentCapabilities
  readonly info: { readonly name: string; readonly version: string } | undefined
  readonly authMethods: ReadonlyArray<AuthMethod>
}

export const initialize = (
  agent: Agent,
  name: string,
  /** Whether a person can fill in forms. */
  offersForms: boolean,
): Effect.Effect<Agreement, Failure.RequestRefused | Executor.ExecutorError> =>
  Effect.flatMap(
    agent.request("initialize", {
      protocolVersion: PROTOCOL_VERSION,
      clientInfo: { name: "runlease", version: "0.1.0" },
      clientCapabilities: {
        fs: { readTextFile: true, writeTextFile: true },
        terminal: true,
        session: { notices: {}, compaction: {} },
        ...(offersForms ? { elicitation: { form: {} } } : {}),
      },
    }),
    ({ agentCapabilities, agentInfo, authMethods, protocolVersion }) =>
      protocolVersion === PROTOCOL_VERSION
        ? Effect.succeed({
            capabilities: agentCapabilities ?? {},
            info: WellFormed.hasTexts("name")(agentInfo) ? (agentInfo ?? undefined) : undefined,
            authMethods: WellFormed.items(authMethods, WellFormed.hasTexts("id", "name")),
          })
        : Failure.of(
            "agent_protocol_version",
            `${name} speaks version ${protocolVersion} of the Agent Client Protocol; version ${PROTOCOL_VERSION} is needed`,
          ),
  )

const isForTerminals = (method: AuthMethod): boolean => "type" in method && method.type === "terminal"

const describe = (method: AuthMethod): string =>
  `${method.name} (${method.id}${isForTerminals(method) ? ", in a terminal" : ""})${method.description == null ? "" : `: ${method.description}`}`

/** The reason why the method `methodId` cannot be used, as a sentence. */
const hindrance = (methodId: string | undefined, authMethods: ReadonlyArray<AuthMethod>): string => {
  if (methodId === undefined) return ""
  return authMethods.some(({ id }) => id === methodId)
    ? ` Its method ${methodId} is for a person in a terminal.`
    : ` It has no method ${methodId}.`
}

type Failures = Failure.RequestRefused | Executor.ExecutorError

const onDemand = <A>(
  effect: Effect.Effect<A, Failures>,
  then: (refused: Failure.RequestRefused) => Effect.Effect<A, Failures>,
): Effect.Effect<A, Failures> =>
  Effect.catchTag(effect, "RequestRefused", (refused) =>
    Failure.asksForAuthentication(refused) ? then(refused) : Effect.fail(refused),
  )

/** Runs a request. If the agent demands authentication, authenticates with the method of the options and tries once more. */
export type WithAuthentication = <A>(effect: Effect.Effect<A, Failures>) => Effect.Effect<A, Failures>

export const withAuthentication =
  (
    agent: Agent,
    name: string,
    { authMethods }: Agreement,
    methodId: string | undefined,
  ): WithAuthentication =>
  (effect) => {
    const methods = authMethods.length === 0 ? "it offers none" : authMethods.map(describe).join("; ")
    const demand = (refused: Failure.RequestRefused, reason: string) =>
      Failure.of(
        "agent_auth_required",
        `${name} demands that its user is logged in (${refused.message}).${reason} Log in as the worker's user, pass the variables that it reads its key from, or name one of its methods as authMethod: ${methods}`,
      )
    const method = authMethods.find(({ id }) => id === methodId)
    if (method === undefined || isForTerminals(method)) {
      return onDemand(effect, (refused) => demand(refused, hindrance(methodId, authMethods)))
    }
    return onDemand(effect, () =>
      onDemand(Effect.zipRight(agent.request("authenticate", { methodId: method.id }), effect), (refused) =>
        demand(refused, ` Its method ${method.id} did not suffice.`),
      ),
    )
  }
