/** What a run keeps of its agent's session, for its own attempts to come and for the runs after it. */
import { ControlPlaneUnavailable, Executor, Ids, Run, Runs, type WorkerSession } from "@runlease/core"
import { type Context, Effect, Option, Schedule, Schema } from "effect"
import * as Failure from "./Failure.js"
import * as Prompt from "./Prompt.js"

/** What is kept of a session for the attempts and runs to come. */
export interface Kept {
  /** The answers that it has been told. */
  readonly told: ReadonlyArray<string>
  /** The last message that the runs before have prompted, by `Prompt.lastOf`. */
  readonly before: string | undefined
  /** The last that was prompted: that of this run once its agent has begun. */
  readonly upTo: string | undefined
}

export const nothing: Kept = { told: [], before: undefined, upTo: undefined }

const Metadata = Schema.Struct({
  told: Schema.optionalWith(Schema.Array(Schema.String), { default: () => [] }),
  before: Schema.optional(Schema.String),
  upTo: Schema.optional(Schema.String),
})

const decode = Schema.decodeUnknownOption(Metadata)

export const keptOf = ({ metadata }: WorkerSession.WorkerSession): Kept => ({
  ...nothing,
  ...Option.getOrElse(decode(metadata), () => ({})),
})

/**
 * Writes what is kept of a session under the run's lease. A control plane that is away for a moment is asked again; without
 * a lease there is nothing to keep it under, and no later run to go on with it.
 */
const recorder = (
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

export interface SessionRecord {
  /** The answers that the session of this run has been told. */
  readonly told: ReadonlyArray<string>
  /** Keeps a session that was opened, with facts of it and what was kept before. */
  readonly opened: (
    sessionKey: string,
    facts: Readonly<Record<string, unknown>>,
    before: Kept,
  ) => Effect.Effect<void, Executor.ExecutorError>
  readonly keepTold: (told: ReadonlyArray<string>) => Effect.Effect<void, Executor.ExecutorError>
  /** Keeps that the agent has begun on the request, so that no later run prompts it again. */
  readonly begun: Effect.Effect<void>
}

export const make = (run: Run.ClaimedRun, runs: Context.Tag.Service<typeof Runs.Runs>): SessionRecord => {
  const write = recorder(run, runs)
  const requested = Prompt.lastOf(run)
  let session: { readonly key: string; readonly facts: Readonly<Record<string, unknown>> } | undefined
  let kept = run.session === null ? nothing : keptOf(run.session)
  // One at a time, so that no older state is written after a newer one.
  const one = Effect.unsafeMakeSemaphore(1)
  const keep = (changes: Partial<Kept>) =>
    one.withPermits(1)(
      Effect.suspend(() => {
        kept = { ...kept, ...changes }
        return session === undefined
          ? Effect.void
          : write(session.key, { protocol: "acp", ...session.facts, ...kept })
      }),
    )
  return {
    told: kept.told,
    opened: (key, facts, before) =>
      Effect.suspend(() => {
        session = { key, facts }
        return keep(before)
      }),
    keepTold: (told) => keep({ told }),
    begun: Effect.suspend(() =>
      requested === undefined || kept.upTo === requested ? Effect.void : keep({ upTo: requested }),
    ).pipe(
      Effect.catchAll((error) => Effect.logWarning("Cannot keep what the agent was prompted with", error)),
    ),
  }
}
