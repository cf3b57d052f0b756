/**
 * The interrupts and calls that a remote agent waits for. The run's session stores them, so that the next attempt knows
 * which answers belong to the agent, and the agent's own ids.
 */
import { ControlPlaneError, ControlPlaneUnavailable, Ids, type Run, Runs } from "@runlease/core"
import { Effect, Option, Schema } from "effect"
import { permanent } from "./Failure.js"
import * as SharedState from "./SharedState.js"

/**
 * `runId`: the id of the agent's run. `calls`: the tool calls that the agent leaves to its client. `names`: the agent's own
 * id of a tool call, by its id in the log, where the two differ. `state`: the client's state that the agent started from.
 */
const PendingInterrupts = Schema.Struct({
  runId: Schema.String,
  interrupts: Schema.Array(Schema.String),
  calls: Schema.optionalWith(Schema.Array(Schema.String), { default: () => [] }),
  state: Schema.optional(SharedState.Basis),
  names: Schema.Record({ key: Schema.String, value: Schema.String }),
})
export type PendingInterrupts = typeof PendingInterrupts.Type

const Metadata = Schema.Struct({ agUi: PendingInterrupts })

/** The interrupts and calls that the run waited for before this claim, if any. */
export const of = (run: Run.ClaimedRun): Option.Option<PendingInterrupts> =>
  Option.map(Schema.decodeUnknownOption(Metadata)(run.session?.metadata), ({ agUi }) => agUi)

/**
 * Stores the interrupts in the run's session, before the run waits for them. Does nothing once another worker holds the run,
 * or when the control plane does not say which worker holds it.
 */
export const record = Effect.fn("AgUiExecutor.recordSession")(function* (
  run: Run.ClaimedRun,
  pending: PendingInterrupts,
) {
  const runs = yield* Runs.Runs
  const owner = Schema.decodeUnknownOption(Ids.WorkerId)(run.leaseOwner)
  if (Option.isNone(owner)) return
  const lease: Run.LeaseRef = { runId: run.runId, workerId: owner.value, epoch: run.leaseEpoch }
  yield* ControlPlaneUnavailable.retryUnavailable(
    runs.recordSession(lease, {
      sessionKey: run.conversationId,
      status: "active",
      metadata: { agUi: pending },
    }),
  ).pipe(
    Effect.catchAll((error) =>
      ControlPlaneError.isControlPlaneError(error)
        ? permanent("session_not_recorded", error.message)
        : Effect.void,
    ),
  )
})
