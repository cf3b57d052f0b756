/**
 * What the remote agent asked last: kept as the run's session, so that whoever takes the run up again knows which
 * answers are the agent's, and by what names.
 */
import { ControlPlaneUnavailable, Ids, type Run, Runs } from "@runlease/core"
import { Effect, Option, Schema } from "effect"
import { final } from "./Failure.js"
import * as SharedState from "./SharedState.js"

/**
 * `calls`: the tool calls that the agent left to its client. `names`: the ids of the run's events and, where they are not the
 * same, the agent's own. `state`: which state of the client's the agent's was made from.
 */
const Asked = Schema.Struct({
  runId: Schema.String,
  interrupts: Schema.Array(Schema.String),
  calls: Schema.optionalWith(Schema.Array(Schema.String), { default: () => [] }),
  state: Schema.optional(SharedState.Basis),
  names: Schema.Record({ key: Schema.String, value: Schema.String }),
})
export type Asked = typeof Asked.Type

const Metadata = Schema.Struct({ agUi: Asked })

/** What was asked, if anything was. */
export const of = (run: Run.ClaimedRun): Option.Option<Asked> =>
  Option.map(Schema.decodeUnknownOption(Metadata)(run.session?.metadata), ({ agUi }) => agUi)

/**
 * Keeps what is asked, before the run waits for it. Whoever holds the run no more has nothing to keep, and a control plane
 * that does not tell who holds a run cannot be told either.
 */
export const record = Effect.fn("AgUiExecutor.recordSession")(function* (run: Run.ClaimedRun, asked: Asked) {
  const runs = yield* Runs.Runs
  const owner = Schema.decodeUnknownOption(Ids.WorkerId)(run.leaseOwner)
  if (Option.isNone(owner)) return
  const lease: Run.LeaseRef = { runId: run.runId, workerId: owner.value, epoch: run.leaseEpoch }
  yield* ControlPlaneUnavailable.retryUnavailable(
    runs.recordSession(lease, {
      sessionKey: run.conversationId,
      status: "active",
      metadata: { agUi: asked },
    }),
  ).pipe(
    Effect.catchTags({
      RunNotFound: () => Effect.void,
      LeaseLost: () => Effect.void,
      RunEnded: () => Effect.void,
      ControlPlaneUnavailable: ({ message }) => final("session_not_recorded", message),
    }),
  )
})
