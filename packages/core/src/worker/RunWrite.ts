/**
 * Writes to the control plane what was decided for a run.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect } from "effect"
import { type ControlPlaneError, isControlPlaneError } from "../ports/ControlPlaneError.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import type { Waits } from "../executor/Parking.js"
import type { InboxNotEmpty, Leases, Pause, Suspension, SuspensionRefused } from "../ports/Leases.js"
import type { Outcome } from "../ports/Runs.js"
import type { LeaseLost, RunError, RunNotFound } from "../model/Run.js"
import type { Decision } from "./RunDecision.js"
import type { RunRecord } from "./RunRecord.js"
import { refusal } from "./AppendBuffer.js"
import type { SinkFailure } from "./RunSink.js"
import * as WorkerEvent from "./WorkerEvent.js"
import type { Resolved } from "./WorkerOptions.js"

/** The waits, as they are now. */
const pauseOf = ({ budget, children, inbox, wakesAt }: Waits): Effect.Effect<Pause> =>
  Effect.map(Clock.currentTimeNanos, (now) => ({
    ...(wakesAt === undefined ? {} : { wakeAfter: Duration.nanos(wakesAt > now ? wakesAt - now : 0n) }),
    ...(children.length === 0 ? {} : { children }),
    ...(inbox === undefined ? {} : { inbox }),
    ...(budget ? { budget } : {}),
  }))

const reasonOf = (error: RunError): string => `${error.code ?? "error"}: ${error.message}`

const lettingGo = {
  Drained: "the worker is shutting down",
  Crowded: "the worker has no free slot for it",
} as const

/**
 * Writes a decision, after the events that the executor left, and returns what has become of the run.
 *
 * Fails when the log does not take those events, and the run needs another decision.
 *
 * @since 0.1.0
 * @category execution
 */
export const make =
  (leases: Leases["Type"], options: Resolved) =>
  (record: RunRecord, decision: Decision): Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure> => {
    const { lease, run, sink } = record

    // A refusal by the store means that another worker has the run.
    const lost = () => Effect.succeed(WorkerEvent.leaseEnded(run, "Lost"))

    const afterEvents = (
      write: Effect.Effect<
        WorkerEvent.WorkerEvent,
        LeaseLost | RunNotFound | SuspensionRefused | ControlPlaneError
      >,
    ): Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure> =>
      Effect.zipRight(
        sink.flush,
        Effect.catchAll(retryUnavailable(write), (error) =>
          error._tag === "SuspensionRefused" ? cannotWait(error) : lost(),
        ),
      )

    const handBack = (error: RunError) =>
      afterEvents(
        Effect.as(
          leases.release(lease.ref, { reason: reasonOf(error) }),
          WorkerEvent.Released({ run, error }),
        ),
      )

    /**
     * Only a run that completes must have taken its messages. Those that it had when it was claimed do not hold it back: an attempt
     * that leaves them would leave them again.
     */
    const takenBy = ({ status }: Outcome) => {
      const taken = status === "completed" ? sink.taken() : undefined
      return taken === undefined ? undefined : Math.max(taken, run.inbox ?? 0)
    }

    /** A message has come since the executor took the last one: the next attempt goes on with it. */
    const again = ({ message }: InboxNotEmpty) =>
      Effect.zipRight(sink.flushAfter, handBack({ code: "inbox_not_empty", message }))

    const end = (outcome: Outcome): Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure> =>
      Effect.flatMap(sink.flushBefore, (last) =>
        Effect.matchEffect(retryUnavailable(leases.complete(lease.ref, outcome, last, takenBy(outcome))), {
          onFailure: (error) => {
            if (error._tag === "InboxNotEmpty") return again(error)
            return error._tag === "EventRefused" || error._tag === "CursorMismatch" ? refusal(error) : lost()
          },
          onSuccess: ({ completed }) =>
            Effect.succeed(
              WorkerEvent.Ended({
                run,
                status: outcome.status,
                error: outcome.error ?? null,
                recorded: completed,
              }),
            ),
        }),
      )

    /** The next attempt of a run that cannot be suspended would come to the same point, so the run fails. */
    const cannotWait = ({ message }: Pick<SuspensionRefused, "message">) =>
      end({ status: "failed", error: { code: "suspend_refused", message } })

    switch (decision._tag) {
      case "End":
        return end(decision.outcome)
      case "Retry": {
        const { delay, error } = decision
        return afterEvents(
          Effect.as(
            leases.release(lease.ref, { reason: reasonOf(error), delay, countAttempt: true }),
            WorkerEvent.Retrying({ run, error, delay }),
          ),
        )
      }
      case "Suspend": {
        const { waiting, waits } = decision
        const suspension = Effect.map(
          waits === undefined ? Effect.succeed({}) : pauseOf(waits),
          (pause): Suspension => ({ ...waiting, ...pause }),
        )
        return Effect.zipRight(
          sink.flush,
          Effect.matchEffect(
            retryUnavailable(
              Effect.flatMap(suspension, (requested) =>
                Effect.as(leases.suspend(lease.ref, requested), requested),
              ),
            ),
            {
              onFailure: (error) =>
                isControlPlaneError(error) || error._tag === "SuspensionRefused" ? cannotWait(error) : lost(),
              onSuccess: (requested) => Effect.succeed(WorkerEvent.Suspended({ run, waiting: requested })),
            },
          ),
        )
      }
      case "Pause":
        return afterEvents(
          Effect.flatMap(pauseOf(decision.waits), (pause) =>
            Effect.as(
              // A control plane that cannot suspend a run may be able to delay it.
              Effect.catchTag(leases.suspend(lease.ref, pause), "ControlPlaneUnsupported", (error) =>
                pause.wakeAfter === undefined
                  ? Effect.fail(error)
                  : leases.release(lease.ref, { reason: "it sleeps", delay: pause.wakeAfter }),
              ),
              WorkerEvent.Paused({ run, pause }),
            ),
          ),
        )
      case "HandBack":
        return handBack(decision.error)
      case "LetGo": {
        const { loss } = decision
        return retryUnavailable(leases.release(lease.ref, { reason: lettingGo[loss] })).pipe(
          Effect.timeout(options.interruptGrace),
          Effect.match({
            onSuccess: () => WorkerEvent.Released({ run, error: null }),
            onFailure: () => WorkerEvent.leaseEnded(run, loss),
          }),
        )
      }
      case "LeaveAlone":
        return Effect.succeed(WorkerEvent.leaseEnded(run, decision.reason))
    }
  }
