/**
 * The demonstration: a server, two workers, a run for each document, and one worker killed half-way.
 */
import { FetchHttpClient, Path } from "@effect/platform"
import { ControlEvents, Ids, RequestSnapshot, RunLog, Runs, Token } from "@runlease/core"
import { Client } from "@runlease/http"
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

/** What works on the runs: a program in awk. */
export const program = fileURLToPath(new URL("../../assets/outline.awk", import.meta.url))

/** A document that a worker works on, and the headings that have arrived so far. */
export interface Progress {
  readonly document: Document
  /** The name of the worker that holds its run. */
  readonly worker: string
  readonly headings: ReadonlyArray<string>
}

/** What the demonstration shows while it goes on. */
export interface Stage {
  readonly started: (fleet: {
    readonly url: string
    readonly database: string
    readonly workers: ReadonlyArray<Fleet.WorkerProcess>
  }) => Effect.Effect<void>
  readonly progress: (progress: Progress) => Effect.Effect<void>
  readonly takenOver: (progress: Progress) => Effect.Effect<void>
  readonly finished: (progress: Progress, done: number) => Effect.Effect<void>
  /** The runs that the store says it held. */
  readonly killed: (worker: Fleet.WorkerProcess, held: ReadonlyArray<Document>) => Effect.Effect<void>
}

/** Slow enough to be watched and interrupted: the whole work takes some fifteen seconds. */
const paceOf = (documents: ReadonlyArray<Document>): string => {
  const headings = documents.reduce((sum, document) => sum + document.headings, 0)
  return Math.min(1, (15 * concurrency * workerNames.length) / Math.max(1, headings)).toFixed(3)
}

const workerArgs = (documents: ReadonlyArray<Document>) =>
  `--agent outliner --concurrency ${concurrency} --lease ${leaseSeconds}s --env OUTLINE_PACE=${paceOf(documents)}`
    .split(" ")
    .concat(["--command", "awk", "--", "-f", program])

/** The runs that each worker holds, as the store has it. */
const heldRuns = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const { items } = yield* runs.list({ status: "running", limit: 100 })
  return (worker: Fleet.WorkerProcess) =>
    items.flatMap(({ lease, runId }) => (lease?.owner === worker.workerId ? [runId] : []))
})

/** Waits until a worker holds runs, and gives the one that holds most. */
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

/** Follows a run to its end, and shows what arrives. */
const followRun = Effect.fnUntraced(function* (
  runId: Ids.RunId,
  document: Document,
  nameOf: (workerId: string | undefined) => string,
  stage: Stage,
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
        stage.takenOver,
      )
    }
    if (event.type === "TEXT_MESSAGE_CONTENT") {
      const heading = String(event["delta"]).trim().replace(/^#+ /, "")
      return Effect.flatMap(
        Ref.updateAndGet(progress, (before) => ({ ...before, headings: [...before.headings, heading] })),
        stage.progress,
      )
    }
    return Effect.void
  })
  return yield* Ref.get(progress)
})

/**
 * Runs everything and reports what the store then holds. The database goes with the processes, unless it is kept.
 */
export const run = Effect.fn("Demo.run")(function* (
  documents: ReadonlyArray<Document>,
  stage: Stage,
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
  yield* stage.started({ url, database, workers })

  const work = Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const done = yield* Ref.make(0)
    const halfWay = yield* Deferred.make<void>()
    const byRun = new Map<string, Document>()

    const workOn = Effect.fnUntraced(function* (document: Document) {
      const { run: submitted } = yield* runs.submit({
        agentId: "outliner",
        snapshot: RequestSnapshot.fromText(document.path),
      })
      byRun.set(submitted.runId, document)
      const progress = yield* followRun(submitted.runId, document, nameOf, stage)
      const count = yield* Ref.updateAndGet(done, (n) => n + 1)
      yield* stage.finished(progress, count)
      if (count >= Math.floor(documents.length / 2)) yield* Deferred.succeed(halfWay, undefined)
      return { runId: submitted.runId, document }
    })

    const killing = yield* Effect.fork(
      Effect.gen(function* () {
        if (documents.length > 1) yield* Deferred.await(halfWay)
        const worker = yield* busiest(workers)
        const killedAt = yield* Clock.currentTimeMillis
        yield* worker.kill
        // What it had sent before is committed by the time of the second answer.
        const held = (yield* Effect.zipRight(heldRuns, heldRuns))(worker)
        yield* stage.killed(
          worker,
          held.flatMap((runId) => byRun.get(runId) ?? []),
        )
        return { at: killedAt, workerId: worker.workerId, held: held.length }
      }),
    )
    // A run is submitted as soon as a slot is free for it, so its pick-up is the control plane's own time.
    const expected = yield* Effect.forEach(documents, workOn, {
      concurrency: concurrency * workerNames.length,
    })
    // Where every run was done before the kill, there was nothing to kill for.
    const kill = yield* Effect.map(Fiber.interrupt(killing), (exit) =>
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
  return { summary, database, apiKey: Redacted.value(apiKey) }
})
