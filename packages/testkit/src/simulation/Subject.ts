/** What a simulation tests. */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { ExecuteWith, Executor, RunContext } from "@runlease/core/Executor"
import type { SubmissionInput } from "@runlease/core/Runs"
import type { WorkerOptions } from "@runlease/core/WorkerOptions"
import type { Effect, Layer } from "effect"
import type { DeliberateFault } from "./faults/Fault.js"

/**
 * A store, and what works with it.
 *
 * `store`: builds a fresh, empty project whose time is Effect's Clock. `turnsOfLoop`: the store waits for turns of the event loop, as one
 * on SQLite does; a store that waits for anything else outside of Effect, such as a socket, cannot be simulated.
 *
 * `worker`: runs a worker until it is interrupted, and drains it then; that of core when absent.
 *
 * `execute`: executes the runs instead of their scripts, and `request` returns what a run requests besides its id. It must take its time from
 * Effect's Clock too.
 *
 * `fault`: something that is wrong on purpose.
 */
export interface Subject<E> {
  readonly store: Layer.Layer<ProjectPorts, E>
  readonly turnsOfLoop: boolean
  readonly worker?:
    | ((options: WorkerOptions) => Effect.Effect<unknown, unknown, Executor | ProjectPorts>)
    | undefined
  readonly execute?: ExecuteWith<RunContext> | undefined
  readonly request?: ((run: string) => Partial<SubmissionInput>) | undefined
  readonly fault?: DeliberateFault | undefined
}
