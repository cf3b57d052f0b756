import { NodeHttpServer } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Leases, Run, RunLog, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Deferred, Duration, Effect, Exit, Layer, Queue, Scope, Stream } from "effect"
import { createServer, type Server as HttpServer } from "node:http"
import { call } from "./raw.js"
import { client, serve, Served, serveOn } from "./serving.js"

const served = serve(MemoryControlPlane.layer)
const both = Layer.provideMerge(client, served)

interface Frame {
  readonly id: string | undefined
  readonly event: { readonly type: string } & Readonly<Record<string, unknown>>
}

const frameOf = (text: string): ReadonlyArray<Frame> => {
  const lines = text.split("\n")
  const data = lines.find((line) => line.startsWith("data: "))
  const id = lines.find((line) => line.startsWith("id: "))
  return data === undefined ? [] : [{ id: id?.slice(4), event: JSON.parse(data.slice(6)) }]
}

/** The frames of an event stream, read by plain `fetch`. */
const frames = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const abort = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller) => Effect.sync(() => controller.abort()),
      )
      const response = yield* Effect.promise(() =>
        fetch(url + path, { headers: { authorization: `Bearer ${key}`, ...headers }, signal: abort.signal }),
      )
      strictEqual(response.status, 200)
      strictEqual(response.headers.get("content-type"), "text/event-stream")
      return Stream.fromReadableStream(
        () => response.body!,
        (cause) => new Error("The stream broke", { cause }),
      )
    }),
  ).pipe(
    Stream.decodeText(),
    // LF framing: an empty line ends a frame.
    Stream.mapAccum("", (rest, text) => {
      const parts = (rest + text).split("\n\n")
      return [parts.at(-1)!, parts.slice(0, -1)]
    }),
    Stream.mapConcat((parts) => parts.flatMap(frameOf)),
  )

const streamPath = (run: Run.ClaimedRun) => `/conversations/${run.conversationId}/runs/${run.runId}/stream`

const held = Effect.flatMap(TestRuns.register(), TestRuns.hold)

describe("the event stream", () => {
  it.live("sends past events at once, new events as they come, and ends with the run", () =>
    Effect.gen(function* () {
      const run = yield* held
      const seen = yield* Queue.unbounded<Frame>()
      const done = yield* Deferred.make<void>()
      yield* Effect.forkScoped(
        frames(streamPath(run)).pipe(
          Stream.runForEach((frame) => Queue.offer(seen, frame)),
          Effect.zipRight(Deferred.succeed(done, undefined)),
        ),
      )
      strictEqual((yield* Queue.take(seen)).event.type, "RUN_STARTED")
      yield* TestRuns.append(run, [{ type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "a\nb" }])
      const inserted = yield* Queue.take(seen)
      deepStrictEqual([inserted.id, inserted.event.type], [undefined, "TEXT_MESSAGE_START"])
      const content = yield* Queue.take(seen)
      deepStrictEqual([content.id, content.event["delta"]], ["2", "a\nb"])
      yield* TestRuns.complete(run)
      deepStrictEqual((yield* Queue.take(seen)).event.type, "TEXT_MESSAGE_END")
      deepStrictEqual((yield* Queue.take(seen)).event.type, "RUN_FINISHED")
      yield* Deferred.await(done)
    }).pipe(Effect.scoped, Effect.provide(both)),
  )

  it.live("resumes after the last event that the client saw, with the state of the view before it", () =>
    Effect.gen(function* () {
      const run = yield* held
      yield* TestRuns.append(run, [
        { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "a" },
        { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "b" },
      ])
      yield* TestRuns.complete(run)
      const all = yield* Stream.runCollect(frames(streamPath(run)))
      const rest = yield* Stream.runCollect(frames(streamPath(run), { "last-event-id": "2" }))
      deepStrictEqual(
        Array.from(rest, ({ event }) => event.type),
        ["TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"],
      )
      deepStrictEqual(Array.from(all).slice(-3), Array.from(rest))
    }).pipe(Effect.provide(both)),
  )

  it.live("goes on while the run waits for a tool result", () =>
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const run = yield* TestRuns.hold(worker)
      const seen = yield* Queue.unbounded<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(frames(streamPath(run)), ({ event }) => Queue.offer(seen, event.type)),
      )
      const leases = yield* Leases.Leases
      yield* leases.suspend(TestRuns.leaseOf(run), TestRuns.forToolCall("t", "ask"))
      const runs = yield* Runs.Runs
      yield* runs.resume(run.runId, TestRuns.resultOf("t", 1))
      yield* TestRuns.complete(yield* TestRuns.claimOne(worker))
      deepStrictEqual(Array.from(yield* Queue.takeN(seen, 4)), [
        "RUN_STARTED",
        "RUN_FINISHED",
        "RUN_STARTED",
        "RUN_FINISHED",
      ])
    }).pipe(Effect.scoped, Effect.provide(both)),
  )

  it.live("has what the run waits for as an interrupt, for a tool of the client too", () =>
    Effect.gen(function* () {
      const run = yield* TestRuns.hold(yield* TestRuns.register())
      const leases = yield* Leases.Leases
      yield* leases.suspend(TestRuns.leaseOf(run), TestRuns.forToolCall("t", "ask"))
      const [, end] = yield* Stream.runCollect(Stream.take(frames(streamPath(run)), 2))
      const outcome = { type: "interrupt", interrupts: [{ id: "t", reason: "tool_call", toolCallId: "t" }] }
      expect(end?.event).toMatchObject({ type: "RUN_FINISHED", outcome })
    }).pipe(Effect.provide(both)),
  )

  it.live("signals the cancelled runs to a worker", () =>
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const run = yield* TestRuns.hold(worker)
      const signal = yield* Deferred.make<unknown>()
      yield* Effect.forkScoped(
        Stream.runForEach(frames(`/agent-workers/workers/${worker}/signals`), ({ event }) =>
          Deferred.succeed(signal, event),
        ),
      )
      yield* TestRuns.settle
      const runs = yield* Runs.Runs
      yield* runs.cancel(run.runId)
      deepStrictEqual(yield* Deferred.await(signal), { type: "cancelled", run_id: run.runId })
    }).pipe(Effect.scoped, Effect.provide(both)),
  )
})

/** A client of this server, whose connections are its own matter. */
const ownServer = (server: HttpServer) =>
  Layer.provideMerge(
    client,
    serveOn(
      NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }),
      MemoryControlPlane.layer,
    ),
  )

describe("the connection of a stream", () => {
  it.live("fails its reader when it breaks", () =>
    Effect.gen(function* () {
      const server = createServer()
      yield* Effect.gen(function* () {
        const run = yield* held
        const seen = yield* Stream.runForEach(frames(streamPath(run)), () =>
          Effect.sync(() => server.closeAllConnections()),
        ).pipe(Effect.exit)
        assertTrue(Exit.isFailure(seen))
      }).pipe(Effect.provide(ownServer(server)))
    }),
  )

  it.live("closes with its server, which keeps idle ones for an hour", () =>
    Effect.gen(function* () {
      const server = createServer({ keepAliveTimeout: 3_600_000 })
      yield* Effect.gen(function* () {
        const path = streamPath(yield* held)
        const opened = yield* Deferred.make<void>()
        yield* Effect.forkDaemon(
          Effect.exit(Stream.runForEach(frames(path), () => Deferred.succeed(opened, undefined))),
        )
        yield* Deferred.await(opened)
      }).pipe(Effect.provide(ownServer(server)))
      strictEqual(server.listening, false)
    }),
  )
})

describe("shutting down", () => {
  it.live("ends streams and requests that wait, at once", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(both, scope)
      yield* Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const run = yield* TestRuns.hold(worker)
        const log = yield* RunLog.RunLog
        yield* Effect.forkScoped(Effect.exit(Stream.runDrain(frames(streamPath(run)))))
        yield* Effect.forkScoped(Effect.exit(TestRuns.claim(worker, { wait: "30 seconds" })))
        yield* Effect.forkScoped(
          Effect.exit(Stream.runDrain(log.follow({ runId: run.runId, after: Run.EventId.make(1) }))),
        )
        yield* TestRuns.settle
        const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
        assertTrue(Duration.lessThan(took, "3 seconds"))
      }).pipe(Effect.scoped, Effect.provide(context))
    }),
  )

  it.live("does not begin for a run that is not there any more", () =>
    Effect.gen(function* () {
      const run = yield* held
      const at = `/conversations/${run.conversationId}/runs/${run.runId}`
      yield* TestRuns.complete(run)
      strictEqual((yield* call("GET", at)).status, 200)
      const pruned = yield* call("POST", "/projects/default/runs/prune", { body: { older_than_seconds: 0 } })
      strictEqual(pruned.json.pruned, 1)
      strictEqual((yield* call("GET", `${at}/stream`)).status, 404)
    }).pipe(Effect.provide(both)),
  )
})
