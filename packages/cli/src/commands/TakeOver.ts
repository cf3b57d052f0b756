/**
 * Two processes with one worker key: the second evicts the first, so it needs `--take-over`.
 */
import { ControlPlaneUnavailable, WorkerRegistry, WorkerState } from "@runlease/core"
import { Chunk, DateTime, Effect, Option, Stream } from "effect"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as WorkerLines from "../output/WorkerLines.js"

const isAlive = (state: WorkerState.WorkerState): boolean => state === "working" || state === "idle"

/** Fails when a worker of that kind and key is alive and not draining. Waits while the control plane is unavailable. */
export const refuse = Effect.fnUntraced(function* (kind: string, key: string) {
  const registry = yield* WorkerRegistry.WorkerRegistry
  const now = yield* DateTime.now
  // Reads every page: workers are listed by newest heartbeat, and one that registered a moment ago has none, so it is last.
  const alive = yield* Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
    Effect.map(
      registry.list({ limit: 100, cursor }),
      ({ items, next }) => [Chunk.unsafeFromArray(items), Option.fromNullable(next)] as const,
    ),
  ).pipe(
    Stream.filter(
      (worker) =>
        worker.implementationKind === kind &&
        worker.workerKey === key &&
        isAlive(WorkerState.of(worker, now)),
    ),
    Stream.runHead,
    Effect.tapErrorTag("ControlPlaneUnavailable", ({ message, retryable }) =>
      retryable ? Effect.logWarning(`${message}; trying again`) : Effect.void,
    ),
    ControlPlaneUnavailable.untilAvailable(ControlPlaneUnavailable.backoff("200 millis", "5 seconds")),
  )
  if (Option.isNone(alive)) return
  const worker = alive.value
  return yield* new CommandFailure({
    message: `The worker with key ${key} is ${WorkerState.of(worker, now)}: ${worker.id}, last in contact ${WorkerLines.contact(worker, now)}`,
    hint: "End it first, give this one another --key, or start it with --take-over. A worker that was killed counts as alive until its next heartbeat is late, for 15 s.",
    exitCode: ExitCode.error,
  })
})
