/** Which session of the agent's own a run goes on with. */
import type * as acp from "@agentclientprotocol/sdk"
import { Executor, Run, Runs } from "@runlease/core"
import { type Context, Effect, Option } from "effect"
import * as Failure from "./Failure.js"
import type { Agent } from "./Agent.js"
import type * as AskingMode from "./AskingMode.js"
import type * as Prompt from "./Prompt.js"
import * as SessionRecord from "./SessionRecord.js"

/** A session that an agent may still have, whether it is of this run, and what was kept of it. */
export interface Earlier {
  readonly key: string
  readonly knows: Exclude<Prompt.Knows, "nothing">
  readonly kept: SessionRecord.Kept
}

export interface Opened {
  readonly sessionId: string
  readonly knows: Prompt.Knows
  readonly offer: AskingMode.Offer
}

/** How many runs of a conversation are looked at for the newest session. */
const maxLooks = 20

/** The run's own session, or else the newest of an earlier run of its conversation with the same agent. */
export const earlier = (
  run: Run.ClaimedRun,
  runs: Context.Tag.Service<typeof Runs.Runs>,
): Effect.Effect<Option.Option<Earlier>> => {
  if (run.session !== null) {
    const { sessionKey } = run.session
    return Effect.succeedSome({ key: sessionKey, knows: "run", kept: SessionRecord.keptOf(run.session) })
  }
  return runs.list({ conversationId: run.conversationId, agentId: run.agentId, limit: maxLooks }).pipe(
    Effect.map(({ items }) =>
      Option.map(
        Option.fromNullable(
          items.find(({ runId, session }) => runId !== run.runId && session !== null)?.session,
        ),
        (session): Earlier => {
          const { upTo } = SessionRecord.keptOf(session)
          return { key: session.sessionKey, knows: "conversation", kept: { told: [], before: upTo, upTo } }
        },
      ),
    ),
    // The agent is told of the conversation instead.
    Effect.catchAll((error) =>
      Effect.as(Effect.logWarning("Cannot look for an earlier session of the agent", error), Option.none()),
    ),
  )
}

export interface Options {
  readonly name: string
  readonly cwd: string
  readonly mcpServers: ReadonlyArray<acp.McpServer>
  readonly capabilities: acp.AgentCapabilities
  /** Whether updates are those of a history, which the log has already. */
  readonly replaying: (on: boolean) => void
}

/** Takes up the session `earlier`, in whichever way the agent can, or begins a new one. */
export const open = (
  agent: Agent,
  { capabilities, cwd, mcpServers, name, replaying }: Options,
  found: Option.Option<Earlier>,
): Effect.Effect<Opened, Failure.Refused | Executor.ExecutorError> => {
  const servers = Array.from(mcpServers)
  const begin = Effect.flatMap(
    agent.request("session/new", { cwd, mcpServers: servers }),
    ({ sessionId, ...offer }): Effect.Effect<Opened, Executor.ExecutorError> =>
      typeof sessionId === "string"
        ? Effect.succeed({ sessionId, knows: "nothing", offer })
        : Failure.of("agent_protocol_error", `${name} answered session/new without the id of a session`),
  )
  const canResume = capabilities.sessionCapabilities?.resume != null
  if (Option.isNone(found) || (!canResume && capabilities.loadSession !== true)) return begin
  const { key, knows } = found.value
  const request = { sessionId: key, cwd, mcpServers: servers }
  const takeUp: Effect.Effect<AskingMode.Offer, Failure.Refused | Executor.ExecutorError> = canResume
    ? agent.request("session/resume", request)
    : Effect.sync(() => replaying(true)).pipe(
        Effect.zipRight(agent.request("session/load", request)),
        Effect.ensuring(Effect.sync(() => replaying(false))),
      )
  return Effect.map(takeUp, (offer): Opened => ({ sessionId: key, knows, offer })).pipe(
    Effect.catchTag("Refused", (refused) =>
      Failure.asksForAuthentication(refused)
        ? refused
        : Effect.zipRight(
            Effect.logWarning(
              `${name} cannot go on with session ${key} (${refused.message}); it begins a new one`,
            ),
            begin,
          ),
    ),
  )
}
