/**
 * The demonstration: a server, two workers, a run for each document, and one worker killed half-way.
 */
import { FetchHttpClient, FileSystem, Path } from "@effect/platform"
import { Ids, RequestSnapshot, RunLog, Runs, Token } from "@runlease/core"
import { Client } from "@runlease/http"
import { Clock, Deferred, Effect, Fiber, Layer, Ref, Stream } from "effect"
import { fileURLToPath } from "node:url"
import type { Document } from "./Documents.js"
import * as Fleet from "./Fleet.js"
import * as Report from "./Report.js"

/** How many runs each worker works on at once. */
const concurrency = 3
const workerNames = ["A", "B"] as const
const leaseSeconds = 5

const program = fileURLToPath(new URL("../../assets/outline.awk", import.meta.url))

/** What the demonstration tells while it goes on. */
export interface Stage {
  readonly started: (fleet: {
    readonly url: string
    readonly database: string
    readonly workers: ReadonlyArray<Fleet.WorkerProcess>
  }) => Effect.Effect<void>
  /** An event of a run's log, as it comes. */
  readonly event: (document: Document, entry: RunLog.LogEntry) => Effect.Effect<void>
  readonly finished: (document: Document, done: number) => Effect.Effect<void>
  readonly killed: (worker: Fleet.WorkerProcess, held: ReadonlyArray<Document>) => Effect.Effect<void>
}

/** Slow enough to be watched and interrupted: the whole work takes some twenty seconds. */
const paceOf = (documents: ReadonlyArray<Document>): string => {
  const headings = documents.reduce((sum, document) => sum + document.headings, 0)
  return Math.min(0.3, (20 * concurrency * workerNames.length) / Math.max(1, headings)).toFixed(3)
}

const workerArgs = (documents: ReadonlyArray<Document>) =>
  `--agent outliner --concurrency ${concurrency} --lease ${leaseSeconds}s --env OUTLINE_PACE=${paceOf(documents)}`
    .split(" ")
    .concat(["--command", "awk", "--", "-f", program])

/** Waits until a worker holds runs, and gives the one that holds most. */
const busiest = (workers: ReadonlyArray<Fleet.WorkerProcess>) =>
  Effect.forEach(workers, (worker) => Effect.map(worker.inFlight, (held) => ({ worker, held }))).pipe(
    Effect.map((all) => all.reduce((most, one) => (one.held.size > most.held.size ? one : most))),
    Effect.tap(({ held }) => (held.size === 0 ? Effect.sleep("20 millis") : Effect.void)),
    Effect.repeat({ until: ({ held }) => held.size > 0 }),
  )

/** Runs everything and reports what the store then holds. */
export const run = Effect.fn("Demo.run")(function* (documents: ReadonlyArray<Document>, stage: Stage) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "runlease-demo-" })
  const database = path.join(folder, "runs.sqlite")
  const apiKey = yield* Token.generate("rlk")
  const url = yield* Fleet.startServer({ database, apiKey })
  const workers = yield* Effect.forEach(
    workerNames,
    (name) => Fleet.startWorker({ name, url, apiKey, args: workerArgs(documents) }),
    { concurrency: "unbounded" },
  )
  yield* stage.started({ url, database, workers })

  const work = Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const log = yield* RunLog.RunLog
    const done = yield* Ref.make(0)
    const halfWay = yield* Deferred.make<void>()
    const byRun = new Map<string, Document>()

    const workOn = Effect.fnUntraced(function* (document: Document) {
      const { run: submitted } = yield* runs.submit({
        agentId: Ids.AgentId.make("outliner"),
        snapshot: RequestSnapshot.fromText(document.path),
      })
      byRun.set(submitted.runId, document)
      yield* Stream.runForEach(log.follow({ runId: submitted.runId }), (entry) =>
        stage.event(document, entry),
      )
      const count = yield* Ref.updateAndGet(done, (n) => n + 1)
      yield* stage.finished(document, count)
      if (count >= Math.floor(documents.length / 2)) yield* Deferred.succeed(halfWay, undefined)
      return { runId: submitted.runId, document }
    })

    const killing = yield* Effect.fork(
      Effect.gen(function* () {
        if (documents.length > 1) yield* Deferred.await(halfWay)
        const { held, worker } = yield* busiest(workers)
        const killedAt = yield* Clock.currentTimeMillis
        yield* worker.kill
        yield* stage.killed(
          worker,
          Array.from(held).flatMap((runId) => byRun.get(runId) ?? []),
        )
        return killedAt
      }),
    )
    // A run is submitted as soon as a slot is free for it, so its pick-up is the control plane's own time.
    const expected = yield* Effect.forEach(documents, workOn, {
      concurrency: concurrency * workerNames.length,
    })
    // Where every run was done before the kill, there was nothing to kill for.
    const killedAt = yield* Effect.map(Fiber.interrupt(killing), (exit) =>
      exit._tag === "Success" ? exit.value : null,
    )

    const reports = yield* Effect.forEach(expected, Report.ofRun, { concurrency: 4 })
    const stored = yield* Stream.runCount(
      Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
        Effect.map(runs.list({ limit: 100, cursor }), Report.nextPage),
      ),
    )
    return Report.summary({ reports, stored, killedAt })
  })
  return yield* Effect.provide(
    work,
    Client.layer({ baseUrl: url, token: apiKey }).pipe(Layer.provide(FetchHttpClient.layer)),
  )
})
