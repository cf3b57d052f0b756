/**
 * An engine with a worker, under the TestClock.
 */
import type { WorkflowEngine } from "@effect/workflow"
import { type ControlPlane, Run, Runs, Worker, type WorkerOptions } from "@runlease/core"
import { SqlControlPlane } from "@runlease/sql"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Effect, Fiber, Layer, type Scope } from "effect"
import { RunleaseWorkflowEngine } from "../src/index.js"
import { Flags } from "./Workflows.js"

type Ports = ControlPlane.ProjectPorts

/** The control planes of the tests. */
export const controlPlanes: ReadonlyArray<readonly [string, Layer.Layer<Ports, unknown>]> = [
  ["memory", MemoryControlPlane.layer],
  ["SQLite", SqlControlPlane.layerSqlite({ filename: ":memory:" })],
]

/** An engine with these workflows, and a worker in the Scope. */
export const worker = (
  workflows: Layer.Layer<never, never, WorkflowEngine.WorkflowEngine | Flags>,
  options: WorkerOptions.WorkerOptions = {},
) =>
  Worker.layerWith({ leaseDuration: "30 seconds", drainTimeout: 0, ...options }).pipe(
    Layer.provideMerge(workflows),
    Layer.provideMerge(RunleaseWorkflowEngine.layer),
  )

/** Declares tests over a control plane with a worker that has these workflows. */
export const tester = (
  ports: Layer.Layer<Ports, unknown>,
  workflows: Layer.Layer<never, never, WorkflowEngine.WorkflowEngine | Flags>,
) => TestRuns.tester(worker(workflows).pipe(Layer.provideMerge(Flags.layer), Layer.provideMerge(ports)))

/** Runs an effect while time goes on, to its end. */
export const driven = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<A, unknown, R | Runs.Runs | Scope.Scope> =>
  Effect.flatMap(Effect.forkScoped(effect), TestRuns.joinAdvancing)

/** The exit of an effect that runs while time goes on. */
export const exitOf = <A, E, R>(effect: Effect.Effect<A, E, R>) => driven(Effect.exit(effect))

/** Waits, while time goes on, until the run has a status. */
export const untilStatus = (executionId: string, status: Run.RunStatus) =>
  TestRuns.eventually(
    Effect.flatMap(Runs.Runs, (runs) =>
      Effect.option(runs.get(RunleaseWorkflowEngine.runIdOf(executionId) as Run.Run["runId"])),
    ),
    (run) => run._tag === "Some" && run.value.status === status,
    { step: "100 millis", within: "30 seconds" },
  )

/** Forks an effect that runs to the end of the test. */
export const start = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R | Scope.Scope> => Effect.forkScoped(effect)
