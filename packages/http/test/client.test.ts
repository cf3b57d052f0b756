import { FetchHttpClient, HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type ControlPlane, Ids, Leases, Run, RunLog, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Array, ConfigProvider, Effect, Inspectable, Layer, Redacted, Stream } from "effect"
import { createServer } from "node:http"
import * as Client from "../src/Client.js"
import { client, serve, Served, served } from "./serving.js"

const store = serve(MemoryControlPlane.layer)
const both = Layer.provideMerge(client, store)

const run = Ids.RunId.make("run-1")

const getFails = Effect.flip(Effect.flatMap(Runs.Runs, (runs) => runs.get(run)))

/** A server that gives one answer to everything. */
const answering = (response: HttpServerResponse.HttpServerResponse) =>
  client.pipe(
    Layer.provide(served),
    Layer.provide(
      HttpLayerRouter.serve(HttpLayerRouter.add("*", "/*", Effect.succeed(response)), {
        disableLogger: true,
        disableListenLog: true,
      }),
    ),
    Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
    Layer.provide(MemoryControlPlane.layer),
  )

const at = (baseUrl: string, token = "secret-token", project = "default") =>
  Client.layerWith({ baseUrl, token: Redacted.make(token), project }).pipe(
    Layer.provide(FetchHttpClient.layer),
  )

const unavailable = (
  title: string,
  layer: Layer.Layer<ControlPlane.ProjectPorts, unknown>,
  expected: { readonly retryAfterMillis?: number; readonly says: string },
) =>
  it.live(title, () =>
    Effect.gen(function* () {
      const error = yield* getFails
      assertTrue(error._tag === "ControlPlaneUnavailable")
      strictEqual(error.operation, "Runs.get")
      strictEqual(error.retryable, true)
      strictEqual(error.retryAfterMillis, expected.retryAfterMillis)
      assertTrue(error.message.includes(expected.says), error.message)
    }).pipe(Effect.provide(layer)),
  )

describe("a client whose control plane does not do its part", () => {
  unavailable("cannot reach it", at("http://127.0.0.1:1"), { says: "could not be reached" })

  unavailable(
    "is told to come again later",
    answering(
      HttpServerResponse.unsafeJson(
        { error: "unavailable", detail: "The store is down" },
        { status: 503, headers: { "retry-after": "7" } },
      ),
    ),
    { retryAfterMillis: 7000, says: "The store is down" },
  )

  unavailable(
    "asks too often",
    answering(HttpServerResponse.text("slow down", { status: 429, headers: { "retry-after": "2" } })),
    { retryAfterMillis: 2000, says: "429" },
  )

  it.live("gets an answer without an end, and reads as much of it as it has room for", () =>
    Effect.gen(function* () {
      const error = yield* getFails
      assertTrue(error._tag === "ControlPlaneUnsupported")
      strictEqual(error.message, "The control plane's answer has more than 67108864 bytes")
    }).pipe(
      Effect.provide(
        answering(
          HttpServerResponse.stream(Stream.forever(Stream.make(new Uint8Array(1024 * 1024).fill(0x20))), {
            contentType: "application/json",
          }),
        ),
      ),
    ),
  )

  it.live("gets an answer from something else", () =>
    Effect.gen(function* () {
      const error = yield* getFails
      assertTrue(error._tag === "ControlPlaneUnsupported")
      deepStrictEqual([error.operation, error.retryable], ["Runs.get", false])
      assertTrue(error.message.includes("not what this client knows: `run_id` is no"), error.message)
      // The error becomes that of a run, which others read than those who read its results.
      assertTrue(!error.message.includes("canary"), error.message)
    }).pipe(Effect.provide(answering(HttpServerResponse.unsafeJson({ run_id: { hello: "canary" } })))),
  )

  unavailable("gets no JSON", answering(HttpServerResponse.html("<p>hello</p>")), {
    says: "not JSON",
  })

  it.live("names what to check when its token is refused, and shows the token nowhere", () =>
    Effect.gen(function* () {
      const { url } = yield* Served
      const error = yield* Effect.provide(getFails, at(url))
      assertTrue(error._tag === "ControlPlaneRefused")
      strictEqual(error.retryable, false)
      assertTrue(error.message.includes("check the API key"))
      assertTrue(!Inspectable.toStringUnknown(error).includes("secret-token"))
      assertTrue(!JSON.stringify(error).includes("secret-token"))
    }).pipe(Effect.provide(store)),
  )

  it.live("names the refused field of a submission that its own check accepts", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const refused = yield* Effect.flip(runs.submit({ agentId: "agent" }))
      assertTrue(refused._tag === "InvalidSubmission")
      deepStrictEqual([refused.field, refused.message], ["request.agent_id", "request.agent_id: is reserved"])
    }).pipe(
      Effect.provide(
        answering(
          HttpServerResponse.unsafeJson(
            {
              error: "invalid_request",
              detail: "request.agent_id: is reserved",
              field: "request.agent_id",
            },
            { status: 400 },
          ),
        ),
      ),
    ),
  )

  it.live("names a project that is not there", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const error = yield* Effect.flip(Effect.provide(TestRuns.register(), at(url, key, "nowhere")))
      strictEqual(error.retryable, false)
      assertTrue(error.message.includes("nowhere"))
    }).pipe(Effect.provide(store)),
  )
})

describe("a client that did not register the worker", () => {
  it.live("stands on the lease with its API key", () =>
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const { key, url } = yield* Served
      yield* Effect.gen(function* () {
        const log = yield* RunLog.RunLog
        const lease = TestRuns.leaseOf(claimed)
        const events = [{ type: "X" }]
        strictEqual((yield* log.append({ runId: claimed.runId, events, fence: lease })).latestSequence, 1)
        const stale = { ...lease, epoch: Run.LeaseEpoch.make(7) }
        strictEqual(
          yield* TestRuns.verdictOf(log.append({ runId: claimed.runId, events, fence: stale })),
          "LeaseLost",
        )
        const stranger = { ...lease, workerId: Ids.WorkerId.make("00000000-0000-4000-8000-000000000000") }
        strictEqual(
          yield* TestRuns.verdictOf(log.append({ runId: claimed.runId, events, fence: stranger })),
          "LeaseLost",
        )
        yield* TestRuns.complete(claimed)
      }).pipe(Effect.provide(at(url, key)))
    }).pipe(Effect.provide(both)),
  )
})

describe("a worker of very many runs", () => {
  it.live("renews them all, though one request takes a thousand", () =>
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const leases = yield* Leases.Leases
      const strangers = Array.makeBy(2100, (n) => ({ runId: Ids.RunId.make(`stranger-${n}`), epoch: null }))
      const renewals = yield* leases.renew({
        workerId: worker,
        leases: [...strangers, TestRuns.leaseOf(claimed)],
        leaseDuration: "30 seconds",
      })
      strictEqual(renewals.length, 2101)
      assertTrue(renewals.slice(0, -1).every(({ _tag }) => _tag === "Lost"))
      strictEqual(renewals.at(-1)?._tag, "Renewed")
    }).pipe(Effect.provide(both)),
  )
})

describe("ids", () => {
  it.live("may hold whatever a path must not", () =>
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const publicId = "a/b?c#d%2F e\u00e9😀.."
      yield* TestRuns.submit({ publicId })
      const claimed = yield* TestRuns.claimOne(worker)
      strictEqual(claimed.runId, publicId)
      yield* TestRuns.append(claimed, [{ type: "X", "odd key": { "": null } }])
      yield* TestRuns.complete(claimed)
      deepStrictEqual(yield* TestRuns.typesOf(claimed.runId), ["RUN_STARTED", "X", "RUN_FINISHED"])
    }).pipe(Effect.provide(both)),
  )
})

describe("layerConfig", () => {
  it.live("reads where the control plane is, and the key", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const config = ConfigProvider.fromMap(
        new Map([
          ["RUNLEASE_URL", url],
          ["RUNLEASE_API_KEY", key],
        ]),
      )
      const layer = Client.layerConfig.pipe(
        Layer.provide(FetchHttpClient.layer),
        Layer.provide(Layer.setConfigProvider(config)),
      )
      const claimed = yield* Effect.flatMap(TestRuns.register(), TestRuns.claim).pipe(Effect.provide(layer))
      deepStrictEqual(claimed, [])
    }).pipe(Effect.provide(store)),
  )
})
