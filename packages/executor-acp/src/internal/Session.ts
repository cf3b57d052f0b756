/** Continues an earlier session of the agent, or starts a new one. */
import type * as acp from "@agentclientprotocol/sdk"
import { Executor, Run, Runs } from "@runlease/core"
import { type Context, Effect, Option } from "effect"
import * as Failure from "./Failure.js"
import type { Agent } from "./Agent.js"
import type * as AskingMode from "./AskingMode.js"
import type * as Prompt from "./Prompt.js"
import * as SessionRecord from "./SessionRecord.js"

/** A session that the agent may still have, with its recorded metadata. */
export interface EarlierSession {
  readonly key: string
  readonly knowledge: Exclude<Prompt.SessionKnowledge, "nothing">
  readonly metadata: SessionRecord.SessionMetadata
}

export interface OpenSession {
  readonly sessionId: string
  readonly knowledge: Prompt.SessionKnowledge
  readonly offer: AskingMode.Offer
}

/** How many runs of the conversation are searched for a session. */
const maxRuns = 20

/** The run's own session, or else the newest of an earlier run of its conversation with the same agent. */
export const findEarlier = (
  run: Run.ClaimedRun,
  runs: Context.Tag.Service<typeof Runs.Runs>,
): Effect.Effect<Option.Option<EarlierSession>> => {
  if (run.session !== null) {
    const { sessionKey } = run.session
    return Effect.succeedSome({
      key: sessionKey,
      knowledge: "run",
      metadata: SessionRecord.metadataOf(run.session),
    })
  }
  return runs.list({ conversationId: run.conversationId, agentId: run.agentId, limit: maxRuns }).pipe(
    Effect.map(({ items }) =>
      Option.map(
        Option.fromNullable(
          items.find(({ runId, session }) => runId !== run.runId && session !== null)?.session,
        ),
        (session): EarlierSession => {
          const { promptedUpTo } = SessionRecord.metadataOf(session)
          return {
            key: session.sessionKey,
            knowledge: "conversation",
            metadata: { deliveredAnswers: [], promptedBefore: promptedUpTo, promptedUpTo },
          }
        },
      ),
    ),
    // Without an earlier session, the prompt holds the conversation.
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
  /** Called with true while the agent replays its history, which is in the log already. */
  readonly replaying: (on: boolean) => void
}

/** Continues the session `found` by the agent's best method, or starts a new one. */
export const open = (
  agent: Agent,
  { capabilities, cwd, mcpServers, name, replaying }: Options,
  found: Option.Option<EarlierSession>,
): Effect.Effect<OpenSession, Failure.RequestRefused | Executor.ExecutorError> => {
  const servers = Array.from(mcpServers)
  const begin = Effect.flatMap(
    agent.request("session/new", { cwd, mcpServers: servers }),
    ({ sessionId, ...offer }): Effect.Effect<OpenSession, Executor.ExecutorError> =>
      typeof sessionId === "string"
        ? Effect.succeed({ sessionId, knowledge: "nothing", offer })
        : Failure.of("agent_protocol_error", `${name} answered session/new without the id of a session`),
  )
  const canResume = capabilities.sessionCapabilities?.resume != null
  if (Option.isNone(found) || (!canResume && capabilities.loadSession !== true)) return begin
  const { key, knowledge } = found.value
  const request = { sessionId: key, cwd, mcpServers: servers }
  const resume: Effect.Effect<AskingMode.Offer, Failure.RequestRefused | Executor.ExecutorError> = canResume
    ? agent.request("session/resume", request)
    : Effect.sync(() => replaying(true)).pipe(
        Effect.zipRight(agent.request("session/load", request)),
        Effect.ensuring(Effect.sync(() => replaying(false))),
      )
  return Effect.map(resume, (offer): OpenSession => ({ sessionId: key, knowledge, offer })).pipe(
    Effect.catchTag("RequestRefused", (refused) =>
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
