import { Tool, Toolkit } from "@effect/ai"
import { HttpClient } from "@effect/platform"
// The index of this library has a declaration that asks for @types/ws.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { SqlClient } from "@effect/sql"
import { Runlease } from "@runlease/cli"
import { ControlPlane, Executor, Ids, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { AcpExecutor } from "@runlease/executor-acp"
import { AgUiExecutor } from "@runlease/executor-ag-ui"
import { AiExecutor } from "@runlease/executor-ai"
import { CommandExecutor } from "@runlease/executor-command"
import { Client } from "@runlease/http"
import { ProcessGroup } from "@runlease/process"
import { PostgresPool, SqlControlPlane } from "@runlease/sql"
import type { WorkerSuite } from "@runlease/testkit"
import { RunleaseWorkflowEngine } from "@runlease/workflow"
import { Console, Effect, Layer, Redacted, Schema, Stream } from "effect"

// Each public type that takes an Effect library of the project's own takes the project's copy of it.
const client = Client.layerWith({ baseUrl: "http://127.0.0.1:1", token: Redacted.make("token") })
export const remote: Layer.Layer<ControlPlane.ProjectPorts, unknown, HttpClient.HttpClient> = client
export const database: Layer.Layer<Runs.Runs, unknown, SqlClient.SqlClient> = SqlControlPlane.layer
const toolkit = Toolkit.make(Tool.make("add", { parameters: { a: Schema.Int }, success: Schema.Int }))
export const others = [
  AcpExecutor.layerWith,
  AgUiExecutor.layerWith({ url: "http://127.0.0.1:1/{agent_id}" }),
  AiExecutor.layerWith({ toolkit }),
  CommandExecutor.layerWith,
  PostgresPool.layerWith,
  ProcessGroup,
  Runlease,
  RunleaseWorkflowEngine.layer,
]
export type Suite = typeof WorkerSuite.suite

const agent = Executor.layerFrom((run) =>
  Effect.succeed(`You said: ${RequestSnapshot.lastUserText(run.snapshot)}`),
)
const store = SqlControlPlane.layerSqlite({ filename: ":memory:" })

const submitAndShow = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const { run } = yield* runs.submit({
    agentId: Ids.AgentId.make("echo"),
    snapshot: RequestSnapshot.fromText("hello"),
  })
  yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) =>
    Console.log(JSON.stringify(event)),
  )
})

Worker.run().pipe(Effect.race(submitAndShow), Effect.provide([agent, store]), NodeRuntime.runMain)
