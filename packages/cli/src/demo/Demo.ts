/**
 * The demonstration: a server, two workers, an editor of three steps, a run for each document, and one worker that is killed while the
 * editor pays.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { Ids, RequestSnapshot, Runs, Token } from "@runlease/core"
import * as Client from "@runlease/http/Client"
import { Clock, Deferred, Effect, Fiber, Layer, Option, Redacted, Ref } from "effect"
import { tmpdir } from "node:os"
import { type Editing, editorId, outlinerId, type Outlining } from "./Agents.js"
import * as AgentsModule from "./AgentsModule.js"
import type { Display } from "./Display.js"
import type { Document } from "./Documents.js"
import * as Fleet from "./Fleet.js"
import * as Progress from "./Progress.js"
import * as Report from "./Report.js"

/** How many documents each worker works on at once. It has a slot more, for the editor. */
const concurrency = 3
const workerNames = ["A", "B"] as const
const leaseSeconds = 5

/** Milliseconds for each heading: slow enough to watch and to interrupt, some fifteen seconds in all. */
const paceOf = (documents: ReadonlyArray<Document>): number => {
  const headings = documents.reduce((sum, document) => sum + document.headings, 0)
  return Math.min(1000, Math.round((15_000 * concurrency * workerNames.length) / Math.max(1, headings)))
}

const workerArgs =
  `--agent ${editorId} --agent ${outlinerId} --concurrency ${concurrency + 1} --lease ${leaseSeconds}s --module`
    .split(" ")
    .concat(AgentsModule.path)

/** The runs that a worker holds, by the store. */
const runsOf = (worker: Fleet.WorkerProcess) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const { items } = yield* runs.list({ status: "running", limit: 100 })
    return items.flatMap(({ lease, runId }) => (lease?.owner === worker.workerId ? [runId] : []))
  })

const payments = (ledger: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = yield* Effect.orElseSucceed(fs.readFileString(ledger), () => "")
    return text.split("\n").filter((line) => line !== "").length
  })

/** The worker that holds the run, once it has paid; no worker where the run has gone on from there. */
const payingWorker = Effect.fnUntraced(function* (
  editor: Ids.RunId,
  ledger: string,
  workers: ReadonlyArray<Fleet.WorkerProcess>,
) {
  const runs = yield* Runs.Runs
  yield* payments(ledger).pipe(
    Effect.tap((count) => (count === 0 ? Effect.sleep("20 millis") : Effect.void)),
    Effect.repeat({ until: (count) => count > 0 }),
  )
  const { lease, status } = yield* runs.get(editor)
  return workers.find(({ workerId }) => status === "running" && workerId === lease?.owner)
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
  const ledger = path.join(folder, "ledger.jsonl")
  const apiKey = yield* Token.generate("rlk")
  const url = yield* Fleet.startServer({
    database,
    apiKey,
    workDir: options.keep ? Option.none() : Option.some(folder),
  })
  const workers = yield* Effect.forEach(
    workerNames,
    (name) => Fleet.startWorker({ name, url, apiKey, args: workerArgs }),
    { concurrency: "unbounded" },
  )
  const nameOf = (workerId: string | undefined) =>
    workers.find((worker) => worker.workerId === workerId)?.name ?? "?"
  yield* display.started({ url, apiKey: Redacted.value(apiKey), database, workers })

  const work = Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const done = yield* Ref.make(0)
    const halfWay = yield* Deferred.make<void>()
    const documentOf = new Map<string, Document>()

    const { run: editor } = yield* runs.submit({
      agentId: editorId,
      // Its takeover does not wait behind the documents.
      priority: 10,
      snapshot: {
        ...RequestSnapshot.fromText(`Outline ${Progress.documentsText(documents.length)}`),
        state: {
          documents: documents.map((document) => document.path),
          ledger,
          outline: path.join(folder, "outline.md"),
        } satisfies Editing,
      },
    })
    const editing = yield* Progress.ofEditor(editor.runId, nameOf, display)

    const pace = paceOf(documents)
    const processDocument = Effect.fnUntraced(function* (document: Document) {
      const { run: submitted } = yield* runs.submit({
        agentId: outlinerId,
        snapshot: {
          ...RequestSnapshot.fromText(document.path),
          state: { pace } satisfies typeof Outlining.Type,
        },
      })
      documentOf.set(submitted.runId, document)
      const progress = yield* Progress.ofDocument(submitted.runId, document, nameOf, display)
      const count = yield* Ref.updateAndGet(done, (n) => n + 1)
      yield* display.finished(progress, count)
      if (count >= Math.floor(documents.length / 2)) yield* Deferred.succeed(halfWay, undefined)
      return { runId: submitted.runId, document }
    })

    const killer = yield* Effect.fork(
      Effect.gen(function* () {
        if (documents.length > 1) yield* Deferred.await(halfWay)
        const worker = yield* payingWorker(editor.runId, ledger, workers)
        if (worker === undefined) return null
        const killedAt = yield* Clock.currentTimeMillis
        yield* worker.kill
        // Requests that the worker sent before its death are committed by the time of the second answer.
        const interrupted = yield* Effect.zipRight(runsOf(worker), runsOf(worker))
        yield* display.killed(
          worker,
          interrupted.flatMap((runId) => documentOf.get(runId) ?? []),
        )
        return { at: killedAt, workerId: worker.workerId, interrupted: interrupted.length }
      }),
    )
    // Each run is submitted when a slot is free for it, so that the pick-up measures the control plane alone.
    const expected = yield* Effect.forEach(documents, processDocument, {
      concurrency: concurrency * workerNames.length,
    })
    yield* Progress.answer(editor.runId, editing, display)
    yield* Fiber.join(editing.ended)
    const kill = yield* Fiber.join(killer)

    const paid = yield* payments(ledger)
    return Report.summary({
      documents: yield* Effect.forEach(
        expected,
        ({ document, runId }) => Report.ofDocument(runId, document),
        { concurrency: 4 },
      ),
      editor: yield* Report.ofEditor(editor.runId, paid),
      payments: paid,
      count: yield* Report.stored,
      kill,
    })
  }).pipe(Effect.scoped)
  const summary = yield* Effect.provide(
    work,
    Client.layerWith({ baseUrl: url, token: apiKey }).pipe(Layer.provide(FetchHttpClient.layer)),
  )
  return { summary, database, url, apiKey: Redacted.value(apiKey) }
})
