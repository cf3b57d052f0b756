/** What is settled with an agent before it has a session. */
import { type AgentCapabilities, type AuthMethod, PROTOCOL_VERSION } from "@agentclientprotocol/sdk"
import { Executor } from "@runlease/core"
import { Effect } from "effect"
import type { Agent } from "./Agent.js"
import * as Failure from "./Failure.js"
import * as WellFormed from "./WellFormed.js"

export interface Agreed {
  readonly capabilities: AgentCapabilities
  readonly info: { readonly name: string; readonly version: string } | undefined
  readonly authMethods: ReadonlyArray<AuthMethod>
}

export const initialize = (
  agent: Agent,
  name: string,
  /** Whether a person can be asked to fill in forms. */
  offersForms: boolean,
): Effect.Effect<Agreed, Failure.Refused | Executor.ExecutorError> =>
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

/** Why the agent cannot be authenticated by `methodId`, as a sentence. */
const hindrance = (methodId: string | undefined, authMethods: ReadonlyArray<AuthMethod>): string => {
  if (methodId === undefined) return ""
  return authMethods.some(({ id }) => id === methodId)
    ? ` Its way ${methodId} is for a person in a terminal.`
    : ` It has no way ${methodId}.`
}

type Failures = Failure.Refused | Executor.ExecutorError

const whenDemanded = <A>(
  effect: Effect.Effect<A, Failures>,
  then: (refused: Failure.Refused) => Effect.Effect<A, Failures>,
): Effect.Effect<A, Failures> =>
  Effect.catchTag(effect, "Refused", (refused) =>
    Failure.asksForAuthentication(refused) ? then(refused) : Effect.fail(refused),
  )

/** Authenticates when the agent demands it, by the method that the options name, and tries once more. */
export const authenticated =
  (agent: Agent, name: string, { authMethods }: Agreed, methodId: string | undefined) =>
  <A>(effect: Effect.Effect<A, Failures>): Effect.Effect<A, Failures> => {
    const ways = authMethods.length === 0 ? "it names no way to" : authMethods.map(describe).join("; ")
    const demand = (refused: Failure.Refused, why: string) =>
      Failure.of(
        "agent_auth_required",
        `${name} demands that its user is logged in (${refused.message}).${why} Log in as the worker's user, pass the variables that it reads its key from, or name one of its ways as authMethod: ${ways}`,
      )
    const method = authMethods.find(({ id }) => id === methodId)
    if (method === undefined || isForTerminals(method)) {
      return whenDemanded(effect, (refused) => demand(refused, hindrance(methodId, authMethods)))
    }
    return whenDemanded(effect, () =>
      whenDemanded(
        Effect.zipRight(agent.request("authenticate", { methodId: method.id }), effect),
        (refused) => demand(refused, ` Its way ${method.id} did not suffice.`),
      ),
    )
  }
