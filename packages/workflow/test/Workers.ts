/**
 * Workers that come and go during a test.
 */
import type { WorkflowEngine } from "@effect/workflow"
import {
  Claims,
  type ControlPlane,
  ControlPlaneUnavailable,
  Leases,
  RunLog,
  Runs,
  type WorkerOptions,
} from "@runlease/core"
import { Faults, TestRuns } from "@runlease/testkit"
import { Effect, Exit, Layer, Scope } from "effect"
import { RunleaseWorkflowEngine } from "../src/index.js"
import { worker } from "./Engine.js"
import { Flags } from "./Workflows.js"

type Ports = ControlPlane.ProjectPorts

const unplugged = new ControlPlaneUnavailable.ControlPlaneUnavailable({
  operation: "any",
  message: "unplugged",
})

/** The methods of a port, each of which fails once the worker is lost. */
const failing = <S extends object>(port: S, isLost: () => boolean): S =>
  Object.fromEntries(
    Object.entries(port).map(([name, method]: [string, (...args: ReadonlyArray<unknown>) => unknown]) => [
      name,
      name === "signals" || name === "follow"
        ? method
        : (...args: ReadonlyArray<unknown>) =>
            Effect.suspend(() =>
              isLost() ? Effect.fail(unplugged) : (method(...args) as Effect.Effect<unknown, unknown>),
            ),
    ]),
  ) as S

export interface StartedWorker {
  /** Cuts the worker off its control plane, as its death does. Its lease has to end before another one goes on. */
  readonly lose: Effect.Effect<void>

  /** Stops the worker in order, which hands its runs back. */
  readonly stop: Effect.Effect<void>
}

/** Starts a worker of these workflows. The Scope stops it. */
export const start = (
  workflows: Layer.Layer<never, never, WorkflowEngine.WorkflowEngine | Flags>,
  options?: WorkerOptions.WorkerOptions,
): Effect.Effect<StartedWorker, unknown, Ports | Flags | Scope.Scope> =>
  Effect.gen(function* () {
    let lost = false
    const isLost = () => lost
    const ports = yield* Effect.context<Ports | Flags>()
    const cuttable = Layer.succeedContext(ports).pipe(
      Faults.over(Claims.Claims, (port) => failing(port, isLost)),
      Faults.over(Leases.Leases, (port) => failing(port, isLost)),
      Faults.over(RunLog.RunLog, (port) => failing(port, isLost)),
      Faults.over(Runs.Runs, (port) => failing(port, isLost)),
    )
    const scope = yield* Scope.fork(yield* Effect.scope, { _tag: "Sequential" })
    yield* Layer.buildWithScope(Layer.provide(worker(workflows, options), cuttable), scope)
    return {
      lose: Effect.sync(() => {
        lost = true
      }),
      stop: Scope.close(scope, Exit.void),
    }
  })

/** Declares tests with an engine that has no worker. */
export const tester = (ports: Layer.Layer<Ports, unknown>) =>
  TestRuns.tester(
    RunleaseWorkflowEngine.layer.pipe(Layer.provideMerge(Flags.layer), Layer.provideMerge(ports)),
  )

/** Waits, while time goes on, until a flag is set or has a value. */
export const untilFlag = (name: string, is: (value: unknown) => boolean = (value) => value !== undefined) =>
  TestRuns.eventually(
    Effect.map(Flags, (flags) => flags.get(name)),
    is,
    { step: "100 millis", within: "30 seconds" },
  )

/** How often code has run. */
export const counted = (...names: ReadonlyArray<string>) =>
  Effect.map(Flags, (flags) => names.map((name) => flags.get(name) ?? 0))
