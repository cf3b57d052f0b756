/** Records the agent's session under the run's lease, for later attempts and for later runs of the conversation. */
import { ControlPlaneError, Executor, Ids, Run, Runs, type WorkerSession } from "@runlease/core"
import { type Context, Effect, Option, Schedule, Schema } from "effect"
import * as Failure from "./Failure.js"
import * as Prompt from "./Prompt.js"

/**
 * The part of a session's metadata that later attempts and runs read. The keys of its stored form do not change.
 *
 * `deliveredAnswers`: the ids of the answers that the agent has received. `promptedBefore`: the last message that earlier
 * runs prompted, by `Prompt.lastOf` or `Prompt.lastTold`. `promptedUpTo`: the last message that was prompted, of this run
 * once the agent has begun.
 */
const SessionMetadata = Schema.Struct({
  deliveredAnswers: Schema.optionalWith(Schema.Array(Schema.String), { default: () => [] }).pipe(
    Schema.fromKey("told"),
  ),
  promptedBefore: Schema.optional(Schema.String).pipe(Schema.fromKey("before")),
  promptedUpTo: Schema.optional(Schema.String).pipe(Schema.fromKey("upTo")),
})
export type SessionMetadata = typeof SessionMetadata.Type

export const empty: SessionMetadata = { deliveredAnswers: [] }

const decode = Schema.decodeUnknownOption(SessionMetadata)
const encode = Schema.encodeSync(SessionMetadata)

export const metadataOf = ({ metadata }: WorkerSession.WorkerSession): SessionMetadata =>
  Option.getOrElse(decode(metadata), () => empty)

/**
 * Writes the session under the run's lease, and retries while the control plane is unavailable. Without a lease it only
 * warns, since no later run could find the session.
 */
const makeWrite = (
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
        Effect.logWarning("The session of the agent cannot be recorded, so no later run continues it"),
      onSome: ([workerId, sessionKey]) =>
        runs
          .recordSession(
            { runId: run.runId, workerId, epoch: run.leaseEpoch },
            { sessionKey, status: "active", metadata },
          )
          .pipe(
            Effect.retry({
              while: (error) => ControlPlaneError.isControlPlaneError(error) && error.retryable,
              schedule: Schedule.exponential("100 millis").pipe(Schedule.intersect(Schedule.recurs(6))),
            }),
            Effect.asVoid,
            Effect.mapError((error) =>
              Failure.of(
                "session_not_recorded",
                `The session of the agent cannot be recorded: ${error.message}`,
                {
                  retryable: ControlPlaneError.isControlPlaneError(error) && error.retryable,
                  cause: error,
                },
              ),
            ),
          ),
    })
}

export interface SessionRecord {
  /** The ids of the answers that the agent had received when the run was claimed. */
  readonly deliveredAnswers: ReadonlyArray<string>
  /** Records an open session, with facts about it and the metadata of the session before. */
  readonly recordOpened: (
    sessionKey: string,
    facts: Readonly<Record<string, unknown>>,
    earlier: SessionMetadata,
  ) => Effect.Effect<void, Executor.ExecutorError>
  /** Records the ids of all answers that the agent has received. */
  readonly recordDelivered: (ids: ReadonlyArray<string>) => Effect.Effect<void, Executor.ExecutorError>
  /** The agent is prompted with this message now, by `Prompt.lastOf`. At first it is the last one of the run's request. */
  readonly setRequested: (fingerprint: string | undefined) => void
  /** Records that the agent has begun on its prompt, so that no later run prompts it again. */
  readonly recordBegun: Effect.Effect<void>
}

export const make = (run: Run.ClaimedRun, runs: Context.Tag.Service<typeof Runs.Runs>): SessionRecord => {
  const write = makeWrite(run, runs)
  let requested = Prompt.lastOf(run)
  let session: { readonly key: string; readonly facts: Readonly<Record<string, unknown>> } | undefined
  let current = run.session === null ? empty : metadataOf(run.session)
  // Writes go one at a time, so that an older state never replaces a newer one.
  const one = Effect.unsafeMakeSemaphore(1)
  const update = (changes: Partial<SessionMetadata>) =>
    one.withPermits(1)(
      Effect.suspend(() => {
        current = { ...current, ...changes }
        return session === undefined
          ? Effect.void
          : write(session.key, { protocol: "acp", ...session.facts, ...encode(current) })
      }),
    )
  return {
    deliveredAnswers: current.deliveredAnswers,
    recordOpened: (key, facts, earlier) =>
      Effect.suspend(() => {
        session = { key, facts }
        return update({ promptedBefore: undefined, promptedUpTo: undefined, ...earlier })
      }),
    recordDelivered: (deliveredAnswers) => update({ deliveredAnswers }),
    setRequested: (fingerprint) => {
      requested = fingerprint
    },
    recordBegun: Effect.suspend(() =>
      requested === undefined || current.promptedUpTo === requested
        ? Effect.void
        : update({ promptedUpTo: requested }),
    ).pipe(
      Effect.catchAll((error) =>
        Effect.logWarning("Cannot record the message that the agent was prompted with", error),
      ),
    ),
  }
}
