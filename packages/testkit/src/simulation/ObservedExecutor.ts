/** An executor whose beginnings and ends the history has. */
import type { ExecuteWith, RunContext } from "@runlease/core/Executor"
import type { ClaimedRun } from "@runlease/core/Run"
import { Effect, Stream } from "effect"
import type { Executing } from "./History.js"
import type { Recorder } from "./Recorder.js"

/**
 * Who executes a run, and under which lease.
 *
 * @category models
 */
export const executing = (process: string, { leaseEpoch, runId }: ClaimedRun): Executing => ({
  process,
  run: runId,
  epoch: leaseEpoch ?? 0,
})

/** @category constructors */
export const make =
  (
    { process, recorder }: { readonly process: string; readonly recorder: Pick<Recorder, "happened"> },
    execute: ExecuteWith<RunContext>,
  ): ExecuteWith<RunContext> =>
  (run) => {
    const who = executing(process, run)
    const began = Effect.sync(() =>
      recorder.happened({ _tag: "ExecutorBegan", ...who, attempt: run.attempt }),
    )
    const ended = Effect.sync(() => recorder.happened({ _tag: "ExecutorEnded", ...who }))
    const execution = execute(run)
    return Effect.isEffect(execution)
      ? Effect.zipRight(began, Effect.ensuring(execution, ended))
      : Stream.ensuring(Stream.onStart(execution, began), ended)
  }
