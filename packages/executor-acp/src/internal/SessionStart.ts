/** Brings an agent to the point where it takes a prompt: handshake, authentication, session and asking mode. */
import type * as acp from "@agentclientprotocol/sdk"
import {
  type AgentCapabilities,
  type AuthMethod,
  type McpServer,
  PROTOCOL_VERSION,
} from "@agentclientprotocol/sdk"
import { Executor, type Run, type Runs } from "@runlease/core"
import { Array as Arrays, type Context, Duration, Effect, Option } from "effect"
import type { Agent } from "./Agent.js"
import * as AskingMode from "./AskingMode.js"
import * as Failure from "./Failure.js"
import type * as Permissions from "./Permissions.js"
import type * as Prompt from "./Prompt.js"
import * as Session from "./Session.js"
import * as SessionRecord from "./SessionRecord.js"
import type { TurnOutput } from "./TurnOutput.js"
import * as WellFormed from "./WellFormed.js"

interface Agreement {
  readonly capabilities: AgentCapabilities
  readonly info: { readonly name: string; readonly version: string } | undefined
  readonly authMethods: ReadonlyArray<AuthMethod>
}

const initialize = (
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
type WithAuthentication = <A>(effect: Effect.Effect<A, Failures>) => Effect.Effect<A, Failures>

const authenticating =
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

/** Every agent supports servers over stdio. */
const supports = ({ mcpCapabilities }: AgentCapabilities, server: McpServer): boolean =>
  !("type" in server) || mcpCapabilities?.[server.type] === true

/** The servers of a supported kind. The others are left out with a warning. */
const selectSupported = (
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

export interface Settings {
  readonly name: string
  readonly permission: Permissions.Policy
  readonly unknownMode: "warn" | "refuse"
  readonly mcpServers: ReadonlyArray<acp.McpServer>
  readonly authMethod: string | undefined
  readonly startWithin: Duration.Duration
}

export interface Options {
  readonly run: Run.ClaimedRun
  readonly runs: Context.Tag.Service<typeof Runs.Runs>
  readonly cwd: string
  readonly record: SessionRecord.SessionRecord
  readonly output: TurnOutput
}

/**
 * A session that takes a prompt. `promptedBefore`: the last message that earlier runs prompted. `withAuthentication` authenticates and
 * repeats a request if the agent demands it.
 */
export interface StartedSession {
  readonly sessionId: string
  readonly knowledge: Prompt.SessionKnowledge
  readonly capabilities: acp.PromptCapabilities
  readonly promptedBefore: string | undefined
  readonly withAuthentication: WithAuthentication
}

/** Forms need a person. Only `ask` lets a run wait for one. */
export const offersForms = ({ permission }: Pick<Settings, "permission">): boolean => permission === "ask"

/** Warns about an agent without an asking mode, or fails the run. */
const onUnknownMode = ({ name, unknownMode }: Settings, offer: AskingMode.Offer, output: TurnOutput) => {
  const { event, message } = AskingMode.describeUnknown(name, offer)
  return unknownMode === "refuse"
    ? Failure.of("agent_mode_unknown", message)
    : Effect.zipRight(Effect.logWarning(message), output.emit([event]))
}

const open = Effect.fnUntraced(function* (
  settings: Settings,
  agent: Agent,
  { cwd, output, record, run, runs }: Options,
) {
  const { authMethod, mcpServers, name, permission } = settings
  const agreement = yield* initialize(agent, name, offersForms(settings))
  const { capabilities, info } = agreement
  const withAuthentication = authenticating(agent, name, agreement, authMethod)
  const earlier = yield* Session.findEarlier(run, runs)
  const session = Session.open(
    agent,
    {
      name,
      cwd,
      mcpServers: yield* selectSupported(name, capabilities, mcpServers),
      capabilities,
      replaying: output.drop,
    },
    earlier,
  )
  const { knowledge, offer, sessionId } = yield* withAuthentication(session)
  output.openSession(sessionId)
  const { metadata } = Option.getOrElse(earlier, () => ({ metadata: SessionRecord.empty }))
  yield* record.recordOpened(sessionId, { agent: info?.name, cwd }, metadata)
  if (permission !== "allow") {
    const asks = yield* AskingMode.enter(agent, info?.name, sessionId, offer)
    if (!asks) yield* onUnknownMode(settings, offer, output)
  }
  const started: StartedSession = {
    sessionId,
    knowledge,
    capabilities: capabilities.promptCapabilities ?? {},
    promptedBefore: metadata.promptedBefore,
    withAuthentication,
  }
  return started
})

/**
 * Starts the session of a run.
 *
 * Fails: `agent_slow` after `startWithin`, the codes of authentication and asking modes, and those of an agent that ends early.
 */
export const make = (
  settings: Settings,
  agent: Agent,
  options: Options,
): Effect.Effect<StartedSession, Executor.ExecutorError> =>
  open(settings, agent, options).pipe(
    Effect.timeoutFail({
      duration: settings.startWithin,
      onTimeout: () =>
        Failure.of(
          "agent_slow",
          `${settings.name} did not open a session within ${Duration.format(settings.startWithin)}`,
          { retryable: true },
        ),
    }),
    Effect.catchTag("RequestRefused", (refused) => Failure.ofRefusal(settings.name, refused)),
  )
