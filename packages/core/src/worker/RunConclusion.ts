/**
 * How the execution of a claimed run ends: by itself, or since it is stopped. Then the worker decides and writes what becomes of the run.
 *
 * @since 0.1.0
 */
import { Cause, Effect, Exit, Fiber, FiberId, Option } from "effect"
import { type Decision, decide } from "./RunDecision.js"
import * as RunExecution from "./RunExecution.js"
import type { RunRecord, RunPhase } from "./RunRecord.js"
import type { SinkFailure } from "./RunSink.js"
import * as WorkerEvent from "./WorkerEvent.js"
import type { Resolved } from "./WorkerOptions.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface RunConclusion {
  /** Goes on, in the fiber of a record, where its executor has ended. */
  readonly executed: (record: RunRecord, exit: Exit.Exit<void, SinkFailure>) => Effect.Effect<void>

  /** Stops a run: interrupts its executor, or a write that can no longer succeed. */
  readonly stop: (record: RunRecord, failure: SinkFailure) => void
}

/**
 * `write` writes a decision. `move` changes the phase of a record, and `end` removes it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({
  end,
  move,
  options,
  write,
}: {
  readonly options: Resolved
  readonly write: (
    record: RunRecord,
    decision: Decision,
  ) => Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure>
  readonly move: (record: RunRecord, phase: RunPhase) => void
  readonly end: (record: RunRecord, event: WorkerEvent.WorkerEvent) => void
}): RunConclusion => {
  /** A store refuses the write of a cancelled run as that of a lost lease. */
  const afterWrite = ({ run, phase }: RunRecord, event: WorkerEvent.WorkerEvent): WorkerEvent.WorkerEvent =>
    phase._tag === "Writing" && phase.cancelled === true && event._tag === "LeaseEnded"
      ? WorkerEvent.leaseEnded(run, "Cancelled")
      : event

  /** Writes a decision, or the one that follows from a failure of that. */
  const writeDown = (
    record: RunRecord,
    decision: Decision,
    exit: Exit.Exit<void, SinkFailure>,
  ): Effect.Effect<void> =>
    Effect.matchCauseEffect(
      Effect.suspend(() => {
        const written = write(record, decision)
        return Exit.isSuccess(exit) ? written : Effect.zipRight(RunExecution.logThrown(exit.cause), written)
      }),
      {
        onSuccess: (event) => Effect.sync(() => end(record, afterWrite(record, event))),
        onFailure: (cause) =>
          Option.match(Cause.failureOption(cause), {
            onSome: (failure) => conclude(record, Exit.fail(failure)),
            onNone: () => Effect.sync(() => end(record, WorkerEvent.leaseEnded(record.run, "Lost"))),
          }),
      },
    )

  /** Decides by the end of the execution and writes, in the fiber of the record. */
  const conclude = (record: RunRecord, exit: Exit.Exit<void, SinkFailure>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { run, sink, phase } = record
      if (phase._tag === "Ended" || phase._tag === "Waiting") return Effect.void
      const decision = decide(run, sink.progressed(), options, exit)
      move(record, { _tag: "Writing", decision, fiber: phase.fiber })
      return writeDown(record, decision, exit)
    })

  const executed = (record: RunRecord, exit: Exit.Exit<void, SinkFailure>): Effect.Effect<void> =>
    Effect.flatMap(record.sink.settled, () =>
      record.phase._tag === "Executing" ? conclude(record, exit) : Effect.void,
    )

  /** Waits for the executor, which is interrupted, and concludes with the failure that then stands. */
  const stopping = (record: RunRecord, executing: Fiber.RuntimeFiber<void>): Effect.Effect<void> =>
    Effect.zipRight(
      Effect.timeoutOption(
        Effect.zipRight(Fiber.await(executing), record.sink.settled),
        options.interruptGrace,
      ),
      Effect.suspend(() =>
        record.phase._tag === "Stopping" ? conclude(record, Exit.fail(record.phase.failure)) : Effect.void,
      ),
    )

  const stop = (record: RunRecord, failure: SinkFailure): void => {
    const { phase } = record
    switch (phase._tag) {
      case "Waiting": {
        const exit = Exit.fail(failure)
        const decision = decide(record.run, false, options, exit)
        const fiber = record.fork(writeDown(record, decision, exit))
        return move(record, { _tag: "Writing", decision, fiber })
      }
      case "Executing": {
        phase.fiber.unsafeInterruptAsFork(FiberId.none)
        record.sink.interrupt()
        const fiber = record.fork(stopping(record, phase.fiber))
        return move(record, { _tag: "Stopping", failure, fiber })
      }
      case "Stopping":
        // Nothing else matters once the lease has ended.
        if (phase.failure._tag !== "LeaseEnded") move(record, { ...phase, failure })
        return
      case "Writing":
        if (failure._tag !== "LeaseEnded" || failure.reason === "Drained") return
        // The write that is in flight may have ended the lease itself: its answer decides.
        if (failure.reason === "Cancelled") record.phase = { ...phase, cancelled: true }
        if (failure.reason !== "Expired") return
        phase.fiber.unsafeInterruptAsFork(FiberId.none)
        return end(record, WorkerEvent.leaseEnded(record.run, failure.reason))
      case "Ended":
        return
    }
  }

  return { executed, stop }
}
