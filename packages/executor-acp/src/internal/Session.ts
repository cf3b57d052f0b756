/** Which session of the agent's own a run goes on with, and what is kept of it for the runs and attempts to come. */
import type * as acp from "@agentclientprotocol/sdk"
import { ControlPlaneUnavailable, Executor, Ids, Run, Runs } from "@runlease/core"
import { type Context, Effect, Option, Predicate, Schedule, Schema } from "effect"
import * as Failure from "./Failure.js"
import type { Agent } from "./Agent.js"
import type * as AskingMode from "./AskingMode.js"
import type { Knows } from "./Prompt.js"

/** A session that an agent may still have, and whether it is of this run. */
export interface Earlier {
  readonly key: string
  readonly knows: Exclude<Knows, "nothing">
}

export interface Opened {
  readonly sessionId: string
  readonly knows: Knows
  readonly offer: AskingMode.Offer
}

/** How many runs of a conversation are looked at for the newest session. */
const maxLooks = 20

/** The answers that the session of this run has been told. */
export const toldOf = (run: Run.ClaimedRun): ReadonlyArray<string> => {
  const metadata = run.session?.metadata
  const told = Predicate.isRecord(metadata) ? metadata["told"] : undefined
  return Array.isArray(told) ? told.filter((id) => typeof id === "string") : []
}

/** The run's own session, or else the newest of an earlier run of its conversation with the same agent. */
export const earlier = (
  run: Run.ClaimedRun,
  runs: Context.Tag.Service<typeof Runs.Runs>,
): Effect.Effect<Option.Option<Earlier>> => {
  if (run.session !== null) return Effect.succeedSome({ key: run.session.sessionKey, knows: "run" })
  return runs.list({ conversationId: run.conversationId, agentId: run.agentId, limit: maxLooks }).pipe(
    Effect.map(({ items }) =>
      Option.map(
        Option.fromNullable(
          items.find(({ runId, session }) => runId !== run.runId && session !== null)?.session,
        ),
        ({ sessionKey }): Earlier => ({ key: sessionKey, knows: "conversation" }),
      ),
    ),
    // The agent is told of the conversation instead.
    Effect.catchAll((error) =>
      Effect.as(Effect.logWarning("Cannot look for an earlier session of the agent", error), Option.none()),
    ),
  )
}

/**
 * What keeps a session under the run's lease. A control plane that is away for a moment is asked again; without a lease
 * there is nothing to keep it under, and nobody who would go on with it.
 */
export const recorder = (
  run: Run.ClaimedRun,
  runs: Context.Tag.Service<typeof Runs.Runs>,
): ((
  sessionKey: string,
  metadata: Record<string, unknown>,
) => Effect.Effect<void, Executor.ExecutorError>) => {
  const workerId = Schema.decodeUnknownOption(Ids.WorkerId)(run.leaseOwner)
  return (key, metadata) =>
    Option.match(Option.all([workerId, Schema.decodeUnknownOption(Ids.text(512))(key)]), {
      onNone: () =>
        Effect.logWarning("The session of the agent cannot be recorded, so no later run goes on with it"),
      onSome: ([workerId, sessionKey]) =>
        runs
          .recordSession(
            { runId: run.runId, workerId, epoch: run.leaseEpoch },
            { sessionKey, status: "active", metadata },
          )
          .pipe(
            Effect.retry({
              while: (error) => error._tag === "ControlPlaneUnavailable" && error.retryable,
              schedule: Schedule.exponential("100 millis").pipe(Schedule.intersect(Schedule.recurs(6))),
            }),
            Effect.asVoid,
            Effect.mapError((error) =>
              Failure.of(
                "session_not_recorded",
                `The session of the agent cannot be recorded: ${error.message}`,
                {
                  retryable:
                    error instanceof ControlPlaneUnavailable.ControlPlaneUnavailable && error.retryable,
                  cause: error,
                },
              ),
            ),
          ),
    })
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
  const begin = Effect.map(
    agent.request("session/new", { cwd, mcpServers: servers }),
    ({ sessionId, ...offer }): Opened => ({ sessionId, knows: "nothing", offer }),
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
