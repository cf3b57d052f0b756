/**
 * The demonstration: a server, two workers, a run for each document, and one worker killed half-way.
 */
import { FetchHttpClient, Path } from "@effect/platform"
import { ControlEvents, Ids, RequestSnapshot, RunLog, Runs, Token } from "@runlease/core"
import * as Client from "@runlease/http/Client"
import { Clock, Deferred, Effect, Fiber, Layer, Option, Redacted, Ref, Stream } from "effect"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import type { Document } from "./Documents.js"
import * as Fleet from "./Fleet.js"
import * as Report from "./Report.js"

/** How many runs each worker works on at once. */
const concurrency = 3
const workerNames = ["A", "B"] as const
const leaseSeconds = 5

/** The agent: a program in awk. */
export const program = fileURLToPath(new URL("../../assets/outline.awk", import.meta.url))

/** A document whose run is in progress, and the headings that have arrived so far. */
export interface Progress {
  readonly document: Document
  /** The name of the worker that holds its run. */
  readonly worker: string
  readonly headings: ReadonlyArray<string>
}

/** Shows the demonstration while it goes on. */
export interface Display {
  readonly started: (fleet: {
    readonly url: string
    readonly database: string
    readonly workers: ReadonlyArray<Fleet.WorkerProcess>
  }) => Effect.Effect<void>
  readonly progress: (progress: Progress) => Effect.Effect<void>
  readonly takenOver: (progress: Progress) => Effect.Effect<void>
  readonly finished: (progress: Progress, done: number) => Effect.Effect<void>
  /** `held`: the documents whose runs the killed worker held, by the store. */
  readonly killed: (worker: Fleet.WorkerProcess, held: ReadonlyArray<Document>) => Effect.Effect<void>
}

/** Seconds for each heading: slow enough to watch and to interrupt, some fifteen seconds in all. */
const paceOf = (documents: ReadonlyArray<Document>): string => {
  const headings = documents.reduce((sum, document) => sum + document.headings, 0)
  return Math.min(1, (15 * concurrency * workerNames.length) / Math.max(1, headings)).toFixed(3)
}

const workerArgs = (documents: ReadonlyArray<Document>) =>
  `--agent outliner --concurrency ${concurrency} --lease ${leaseSeconds}s --env OUTLINE_PACE=${paceOf(documents)}`
    .split(" ")
    .concat(["--command", "awk", "--", "-f", program])

/** The runs that each worker holds, by the store. */
const heldRuns = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const { items } = yield* runs.list({ status: "running", limit: 100 })
  return (worker: Fleet.WorkerProcess) =>
    items.flatMap(({ lease, runId }) => (lease?.owner === worker.workerId ? [runId] : []))
})

/** Waits until a worker holds runs, and returns the one that holds most. */
const busiest = (workers: ReadonlyArray<Fleet.WorkerProcess>) =>
  Effect.map(heldRuns, (heldBy) =>
    workers
      .map((worker) => ({ worker, held: heldBy(worker).length }))
      .reduce((most, one) => (one.held > most.held ? one : most)),
  ).pipe(
    Effect.tap(({ held }) => (held === 0 ? Effect.sleep("20 millis") : Effect.void)),
    Effect.repeat({ until: ({ held }) => held > 0 }),
    Effect.map(({ worker }) => worker),
  )

/** Follows a run to its end, and shows its headings as they arrive. */
const followRun = Effect.fnUntraced(function* (
  runId: Ids.RunId,
  document: Document,
  nameOf: (workerId: string | undefined) => string,
  display: Display,
) {
  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const progress = yield* Ref.make<Progress>({ document, worker: "?", headings: [] })
  yield* Stream.runForEach(log.follow({ runId }), ({ event }) => {
    if (event.type === "RUN_STARTED") {
      return Effect.flatMap(runs.get(runId), ({ lease }) =>
        Ref.set(progress, { document, worker: nameOf(lease?.owner), headings: [] }),
      )
    }
    if (event["name"] === ControlEvents.attemptEventName) {
      const { worker_id } = event["value"] as { readonly worker_id?: string }
      return Effect.flatMap(
        Ref.updateAndGet(progress, () => ({ document, worker: nameOf(worker_id), headings: [] })),
        display.takenOver,
      )
    }
    if (event.type === "TEXT_MESSAGE_CONTENT") {
      const heading = String(event["delta"]).trim().replace(/^#+ /, "")
      return Effect.flatMap(
        Ref.updateAndGet(progress, (before) => ({ ...before, headings: [...before.headings, heading] })),
        display.progress,
      )
    }
    return Effect.void
  })
  return yield* Ref.get(progress)
})

/**
 * Runs the whole demonstration, then reports from the store. Its server and its workers go on until the Scope closes. The database
 * is removed with them, unless `keep` is set.
 */
export const run = Effect.fn("Demo.run")(function* (
  documents: ReadonlyArray<Document>,
  display: Display,
  options: { readonly keep: boolean },
) {
  const path = yield* Path.Path
  const folder = path.join(tmpdir(), `runlease-demo-${yield* Ids.uuidV7}`)
  const database = path.join(folder, "runs.sqlite")
  const apiKey = yield* Token.generate("rlk")
  const url = yield* Fleet.startServer({
    database,
    apiKey,
    workDir: options.keep ? Option.none() : Option.some(folder),
  })
  const workers = yield* Effect.forEach(
    workerNames,
    (name) => Fleet.startWorker({ name, url, apiKey, args: workerArgs(documents) }),
    { concurrency: "unbounded" },
  )
  const nameOf = (workerId: string | undefined) =>
    workers.find((worker) => worker.workerId === workerId)?.name ?? "?"
  yield* display.started({ url, database, workers })

  const work = Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const done = yield* Ref.make(0)
    const halfWay = yield* Deferred.make<void>()
    const byRun = new Map<string, Document>()

    const processDocument = Effect.fnUntraced(function* (document: Document) {
      const { run: submitted } = yield* runs.submit({
        agentId: "outliner",
        snapshot: RequestSnapshot.fromText(document.path),
      })
      byRun.set(submitted.runId, document)
      const progress = yield* followRun(submitted.runId, document, nameOf, display)
      const count = yield* Ref.updateAndGet(done, (n) => n + 1)
      yield* display.finished(progress, count)
      if (count >= Math.floor(documents.length / 2)) yield* Deferred.succeed(halfWay, undefined)
      return { runId: submitted.runId, document }
    })

    const killer = yield* Effect.fork(
      Effect.gen(function* () {
        if (documents.length > 1) yield* Deferred.await(halfWay)
        const worker = yield* busiest(workers)
        const killedAt = yield* Clock.currentTimeMillis
        yield* worker.kill
        // Requests that the worker sent before its death are committed by the time of the second answer.
        const held = (yield* Effect.zipRight(heldRuns, heldRuns))(worker)
        yield* display.killed(
          worker,
          held.flatMap((runId) => byRun.get(runId) ?? []),
        )
        return { at: killedAt, workerId: worker.workerId, held: held.length }
      }),
    )
    // Each run is submitted when a slot is free for it, so that the pick-up measures the control plane alone.
    const expected = yield* Effect.forEach(documents, processDocument, {
      concurrency: concurrency * workerNames.length,
    })
    // The kill did not happen when all runs were done before it.
    const kill = yield* Effect.map(Fiber.interrupt(killer), (exit) =>
      exit._tag === "Success" ? exit.value : null,
    )

    const reports = yield* Effect.forEach(expected, Report.ofRun, { concurrency: 4 })
    const stored = yield* Stream.runCount(
      Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
        Effect.map(runs.list({ limit: 100, cursor }), Report.nextPage),
      ),
    )
    return Report.summary({ reports, stored, kill })
  })
  const summary = yield* Effect.provide(
    work,
    Client.layer({ baseUrl: url, token: apiKey }).pipe(Layer.provide(FetchHttpClient.layer)),
  )
  return { summary, database, url, apiKey: Redacted.value(apiKey) }
})
