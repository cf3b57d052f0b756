import { Command, FetchHttpClient } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { AgentEvent, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Client } from "@runlease/http"
import * as WorkerProcess from "@runlease/testkit/WorkerProcess"
import { Console, Deferred, Effect, Layer, Redacted, Stream } from "effect"
import { fileURLToPath } from "node:url"
import * as ControlPlane from "./ControlPlane.js"

const names = ["ada", "brian", "chen"]
const workerProgram = fileURLToPath(new URL("worker.ts", import.meta.url))

/** Starts a worker process and waits until it is ready. Closing the Scope drains and ends it. */
const startWorker = Effect.fnUntraced(function* (name: string, remote: ControlPlane.Remote["Type"]) {
  const worker = yield* Command.start(
    WorkerProcess.command(workerProgram, {
      WORKER_NAME: name,
      RUNLEASE_URL: remote.url,
      RUNLEASE_API_KEY: Redacted.value(remote.key),
      RUNLEASE_PROJECT: remote.project,
    }),
  )
  // `Worker.run` logs one line when the worker is registered; a worker that cannot start ends without it.
  const started = yield* Deferred.make<void>()
  yield* worker.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) =>
      line.includes("waits for runs") ? Deferred.succeed(started, undefined) : Effect.void,
    ),
    Effect.forkScoped,
  )
  yield* Effect.raceFirst(
    Deferred.await(started),
    Effect.flatMap(worker.exitCode, (code) => Effect.dieMessage(`Worker ${name} ended with code ${code}`)),
  )
})

/** The text of the run's message, after the run has ended. */
const answerOf = Effect.fnUntraced(function* (text: string) {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const { run } = yield* runs.submit({
    agentId: "task",
    snapshot: RequestSnapshot.fromText(text),
  })
  return yield* log.follow({ runId: run.runId }).pipe(
    Stream.map(({ event }) => event),
    Stream.filter(AgentEvent.is("TEXT_MESSAGE_CONTENT")),
    Stream.runFold("", (answer, { delta }) => answer + delta),
  )
})

const program = Effect.gen(function* () {
  const remote = yield* ControlPlane.Remote
  yield* Effect.forEach(names, (name) => startWorker(name, remote), { concurrency: "unbounded" })
  const ports = Client.layerWith({ baseUrl: remote.url, token: remote.key, project: remote.project }).pipe(
    Layer.provide(FetchHttpClient.layer),
  )
  yield* Effect.gen(function* () {
    const tasks = Array.from({ length: 12 }, (_, index) => `task ${index + 1}`)
    const answers = yield* Effect.forEach(tasks, answerOf, { concurrency: "unbounded" })
    for (const name of names) {
      yield* Console.log(`${name} did ${answers.filter((answer) => answer.startsWith(name)).length}`)
    }
    yield* Console.log(`${answers.length} runs, ${new Set(answers).size} answers`)
  }).pipe(Effect.provide(ports))
}).pipe(Effect.scoped)

program.pipe(Effect.provide([ControlPlane.layer, NodeContext.layer]), NodeRuntime.runMain)
