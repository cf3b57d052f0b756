/** Reads of a store outside of commits, with the errors of the ports. */
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import type * as Ids from "@runlease/core/Ids"
import { RunNotFound } from "@runlease/core/Run"
import { WorkerNotFound } from "@runlease/core/WorkerRegistry"
import { Cache, Duration, Effect, Exit } from "effect"
import type { RunRef, WorkerIdentity } from "./RunRows.js"
import type { RunReads, RunStore } from "./RunStore.js"

export interface StoreReads<X> {
  /** Reads for an operation, which its failure names. */
  readonly read: <A>(
    operation: string,
    read: (reads: RunReads<X>) => Effect.Effect<A, X>,
  ) => Effect.Effect<A, ControlPlaneUnavailable>

  /** Reads what a name may lead to: a run has it, or an input that the run has accepted. */
  readonly named: <A>(
    operation: string,
    name: RunRef,
    read: (reads: RunReads<X>, ref: RunRef) => Effect.Effect<A | undefined, X>,
  ) => Effect.Effect<A, RunNotFound | ControlPlaneUnavailable>

  /** Uses a run by its id or, where no run has it, by that of an input: only then is it looked for among the inputs. */
  readonly onNamed: <A, E>(
    operation: string,
    name: RunRef,
    use: (ref: RunRef) => Effect.Effect<A, E | RunNotFound>,
  ) => Effect.Effect<A, E | RunNotFound | ControlPlaneUnavailable>

  /** Which runs a worker may claim. */
  readonly worker: (
    workerId: Ids.WorkerId,
  ) => Effect.Effect<WorkerIdentity, WorkerNotFound | ControlPlaneUnavailable>
}

const isNotFound = (error: unknown): error is RunNotFound => error instanceof RunNotFound

/** The largest number of workers that are remembered. */
const maxWorkers = 10_000

/** The request that a run was submitted with, without the answers since. */
export const firstSnapshot = <X>({ requests }: RunReads<X>, ref: RunRef) =>
  Effect.map(requests(ref, [ref.runId]), (found) => found.get(ref.runId))

/** What reads the rows alone. */
export type Reading<X> = Omit<StoreReads<X>, "worker">

export const reading = <X>({ reads, unavailable }: RunStore<X>): Reading<X> => {
  const read: Reading<X>["read"] = (operation, effect) =>
    Effect.mapError(effect(reads), (error) => unavailable(operation, error))

  const onNamed: Reading<X>["onNamed"] = (operation, name, use) =>
    Effect.catchIf(use(name), isNotFound, (error) =>
      Effect.flatMap(
        read(operation, ({ runIdOf }) => runIdOf(name)),
        (runId) => (runId === undefined ? Effect.fail(error) : use({ ...name, runId })),
      ),
    )

  return {
    read,
    onNamed,
    named: (operation, name, find) =>
      onNamed(operation, name, (ref) =>
        Effect.flatMap(
          read(operation, (all) => find(all, ref)),
          (found) => (found === undefined ? new RunNotFound({ runId: ref.runId }) : Effect.succeed(found)),
        ),
      ),
  }
}

export const make = <X>(store: RunStore<X>): Effect.Effect<StoreReads<X>> =>
  Effect.gen(function* () {
    const { reads, unavailable } = store
    // Its result never changes, so it is read once.
    const workers = yield* Cache.makeWith({
      capacity: maxWorkers,
      timeToLive: Exit.match({ onSuccess: () => Duration.infinity, onFailure: () => Duration.zero }),
      lookup: (workerId: Ids.WorkerId) =>
        Effect.flatMap(
          Effect.mapError(reads.workers([workerId]), (error) => unavailable("Claims.claim", error)),
          (found) => {
            const worker = found.get(workerId)
            return worker === undefined ? new WorkerNotFound({ workerId }) : Effect.succeed(worker)
          },
        ),
    })

    return {
      ...reading(store),
      // A caller that is interrupted here would interrupt the others that wait for the same read.
      worker: (workerId) => Effect.uninterruptible(workers.get(workerId)),
    }
  })
