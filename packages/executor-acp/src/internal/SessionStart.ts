/** Brings an agent to the point where it takes a prompt: handshake, authentication, session and asking mode. */
import type * as acp from "@agentclientprotocol/sdk"
import type { Executor, Run, Runs } from "@runlease/core"
import { type Context, Duration, Effect, Option } from "effect"
import type { Agent } from "./Agent.js"
import * as AskingMode from "./AskingMode.js"
import * as Failure from "./Failure.js"
import * as Handshake from "./Handshake.js"
import * as McpServers from "./McpServers.js"
import type * as Permissions from "./Permissions.js"
import type * as Prompt from "./Prompt.js"
import * as Session from "./Session.js"
import * as SessionRecord from "./SessionRecord.js"
import type { TurnOutput } from "./TurnOutput.js"

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
  readonly withAuthentication: Handshake.WithAuthentication
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
  const agreement = yield* Handshake.initialize(agent, name, offersForms(settings))
  const { capabilities, info } = agreement
  const withAuthentication = Handshake.withAuthentication(agent, name, agreement, authMethod)
  const earlier = yield* Session.findEarlier(run, runs)
  const session = Session.open(
    agent,
    {
      name,
      cwd,
      mcpServers: yield* McpServers.selectSupported(name, capabilities, mcpServers),
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
