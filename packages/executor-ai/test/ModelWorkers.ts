/** Workers over a stand-in model server, each with its own control plane. */
import type { Tool } from "@effect/ai"
import {
  AgentEvent,
  type ControlPlane,
  Executor,
  type Ids,
  type Run,
  RunLog,
  Runs,
  Worker,
  type WorkerOptions,
} from "@runlease/core"
import { DrainHold, StepLog } from "@runlease/core/executor"
import type { AiExecutor } from "@runlease/executor-ai"
import { SqlControlPlane } from "@runlease/sql"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Context, Effect, Layer, Stream } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ModelRuns from "./ModelRuns.js"
import type * as ModelServer from "./ModelServer.js"

const sqlite = Layer.unwrapScoped(
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "runlease-ai-"))),
      (folder) => Effect.promise(() => rm(folder, { recursive: true })),
    ),
    (folder) => SqlControlPlane.layerSqlite({ filename: join(folder, "runlease.db") }),
  ),
)

/** The control planes that the tests run over. */
export const controlPlanes: Readonly<Record<string, Layer.Layer<ControlPlane.StorePorts, unknown>>> = {
  memory: MemoryControlPlane.layer,
  SQLite: sqlite,
}

/** A worker whose agent is the model of a stand-in server. */
export const start = <Tools extends Record<string, Tool.Any> = {}>(
  server: { readonly url: string },
  options: AiExecutor.Options<Tools> = {},
  workerOptions: WorkerOptions.WorkerOptions = {},
  protocol: ModelServer.Protocol = "responses",
  change: (execute: Executor.Execute) => Executor.Execute = (execute) => execute,
) =>
  Effect.flatMap(ModelRuns.executor(protocol, server, options), ({ execute }) =>
    Worker.make({ drainTimeout: 0, interruptGrace: "2 seconds", retryDelay: () => 0, ...workerOptions }).pipe(
      Effect.provide(Executor.layerWith(change(execute))),
    ),
  )

/** An executor whose steps leave no record, as those of earlier versions. */
export const withoutRecords =
  (execute: Executor.Execute): Executor.Execute =>
  (run) => {
    const steps: StepLog.AttemptSteps = {
      runId: run.runId,
      lease: undefined,
      answers: [],
      budgetRoot: undefined,
      trial: undefined,
      take: () => true,
      recorded: Effect.succeed(new Map()),
      inbox: {
        consumed: () => undefined,
        pending: () => false,
        ahead: () => false,
        received: () => {},
        took: () => {},
        tookBefore: () => {},
        passed: () => {},
        arrived: Effect.never,
        alone: (effect) => effect,
      },
      messages: Effect.succeed([]),
      issue: (name) => Effect.succeed({ id: name, event: AgentEvent.custom("unrecorded", name) }),
      issueParts: () => Effect.dieMessage("its records have one part"),
      mayRecord: () => true,
      countStep: () => {},
      hasRoom: () => true,
      reserve: () => true,
      committed: () => Effect.void,
      drainHold: DrainHold.make(),
      until: () => Effect.dieMessage("it has no sleeps"),
      park: () => Effect.dieMessage("it has no waits"),
      enter: () => () => {},
      inFlight: (_step, effect) => effect,
    }
    return Stream.mapInputContext(
      Executor.toStream(execute)(run),
      (context: Context.Context<ControlPlane.ProjectPorts>): Context.Context<ControlPlane.ProjectPorts> =>
        Context.add(context, StepLog.StepLog, { steps: () => steps }),
    )
  }

/** Waits until a run has this status. */
export const untilStatus = (runId: Ids.RunId, status: Run.RunStatus) =>
  TestRuns.getRun(runId).pipe(
    Effect.delay("10 millis"),
    Effect.repeat({ until: (run) => run.status === status }),
    Effect.timeout("4 minutes"),
  )

/** Waits until the log of a run holds an event that `is` accepts. */
export const untilLogged = (runId: Ids.RunId, is: (event: AgentEvent.LogEvent) => boolean) =>
  Effect.flatMap(RunLog.RunLog, (log) =>
    log.follow({ runId }).pipe(
      Stream.filter(({ event }) => is(event)),
      Stream.runHead,
      Effect.timeout("4 minutes"),
    ),
  )

export const answer = (runId: Ids.RunId, answers: Parameters<Runs.Runs["Type"]["resume"]>[1]) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.resume(runId, answers))
