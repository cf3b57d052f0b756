import { FetchHttpClient } from "@effect/platform"
import { NodeSocket } from "@effect/platform-node"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, type Ids, Leases, type Run, RunLog, WorkerRegistry } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Array, Duration, Effect, Layer, Logger, Option, Redacted, type Scope, Stream } from "effect"
import type * as net from "node:net"
import * as TcpProxy from "../../sql/test/TcpProxy.js"
import * as Searches from "../../testkit/test/Searches.js"
import * as Client from "../src/Client.js"
import { serve, Served } from "./serving.js"

const isUpgrade = (bytes: Uint8Array): boolean =>
  /\r\nupgrade: websocket/i.test(Buffer.from(bytes).toString("latin1"))

/** What a proxy does to a connection that begins with an upgrade. */
type Manner = (client: net.Socket, server: net.Socket, first: Uint8Array) => void

/** A proxy in front of the server. It passes on what is no WebSocket. */
const proxy = (manner: Manner): Effect.Effect<string, never, Served | Scope.Scope> =>
  Effect.gen(function* () {
    const { url } = yield* Served
    const through = yield* TcpProxy.make(Redacted.make(url), (client, connect) => {
      client.once("data", (first: Uint8Array) => {
        const server = connect()
        client.once("close", () => server.destroy())
        server.once("close", () => client.destroy())
        const take = isUpgrade(first) ? manner : pass
        take(client, server, first)
      })
    })
    return Redacted.value(through)
  })

const pass: Manner = (client, server, first) => {
  server.write(first)
  client.pipe(server)
  server.pipe(client)
}

/** The ports of a client that reaches the server by this URL. */
const clientAt = (url: string) =>
  Effect.flatMap(Served, ({ key }) =>
    Layer.build(
      Client.layerWith({ baseUrl: url, token: Redacted.make(key) }).pipe(
        Layer.provide([FetchHttpClient.layer, NodeSocket.layerWebSocketConstructor]),
      ),
    ),
  )

const event = (index: number) => AgentEvent.custom("test", index)

/** Appends an event, and again while the control plane is unavailable, as a worker does. */
const append = (run: Run.ClaimedRun, index: number) =>
  Effect.flatMap(RunLog.RunLog, (log) =>
    log.append({
      runId: run.runId,
      events: [event(index)],
      expectedSequence: (run.latestSequence + index) as Run.Sequence,
      fence: TestRuns.leaseOf(run),
    }),
  ).pipe(Effect.retry({ while: (error) => error._tag === "ControlPlaneUnavailable" && error.retryable }))

/** Waits until the client has a connection, over which the signals come. */
const connected = (workerId: Ids.WorkerId) =>
  Effect.gen(function* () {
    const { signals } = yield* Leases.Leases
    const registry = yield* WorkerRegistry.WorkerRegistry
    const signal = yield* Effect.fork(Stream.runHead(signals(workerId)))
    const drain = Effect.zipRight(registry.drain(workerId, true), registry.drain(workerId, false))
    yield* Effect.repeat(drain, { until: () => Effect.map(signal.poll, Option.isSome) })
  })

const claimed = (workerId: Ids.WorkerId, leaseDuration: Duration.DurationInput) =>
  Effect.gen(function* () {
    yield* TestRuns.submit()
    const [run] = yield* TestRuns.claim(workerId, { leaseDuration })
    return run ?? (yield* Effect.dieMessage("There is no run"))
  })

describe("a client", () => {
  const server = serve(MemoryControlPlane.layer)

  it.scopedLive("sends its exchanges as requests where a proxy refuses the upgrade, and says so once", () =>
    Effect.gen(function* () {
      let refused = 0
      const url = yield* proxy((client) => {
        refused += 1
        client.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
      })
      const said: Array<string> = []
      const logger = Logger.make(({ message }) => void said.push(String(message)))
      yield* Effect.gen(function* () {
        const run = yield* claimed(yield* TestRuns.register(), "1 minute")
        for (const index of Array.range(0, 49)) yield* append(run, index)
        strictEqual((yield* TestRuns.getRun(run.runId)).latestSequence, run.latestSequence + 50)
      }).pipe(Effect.provide(yield* clientAt(url)), Effect.provide(Logger.add(logger)))
      assertTrue(refused > 0 && refused < 5)
      strictEqual(said.filter((line) => line.startsWith("No WebSocket")).length, 1)
    }).pipe(Effect.provide(server)),
  )

  const cuts = Searches.current.extent === "all" ? 1000 : 100

  it.scopedLive(`loses no event and adds none twice when its connection is cut ${cuts} times`, () =>
    Effect.gen(function* () {
      let cut = 0
      // Cuts in the middle of what either side sends, once the connection has worked.
      const url = yield* proxy((client, server, first) => {
        pass(client, server, first)
        const from = Math.random() < 0.5 ? client : server
        let left = Math.random() * 600
        let answers = 0
        server.on("data", () => (answers += 1))
        from.on("data", (bytes: Uint8Array) => {
          // The first is that of the handshake.
          if (answers < 2) return
          left -= bytes.length
          if (left > 0 || client.destroyed) return
          cut += 1
          client.destroy()
        })
      })
      yield* Effect.gen(function* () {
        const workerId = yield* TestRuns.register()
        const run = yield* claimed(workerId, "5 minutes")
        let index = 0
        yield* Effect.repeat(
          Effect.suspend(() => append(run, index++)),
          { until: () => cut >= cuts },
        )
        let found = 0
        while (found < index) {
          // The first event is that of its beginning.
          const page = yield* TestRuns.eventsOf(run.runId, found + 1)
          deepStrictEqual(
            page,
            page.map((_, at) => event(found + at)),
          )
          found += page.length
        }
        strictEqual((yield* TestRuns.getRun(run.runId)).latestSequence, run.latestSequence + index)
      }).pipe(Effect.provide(yield* clientAt(url)))
    }).pipe(Effect.provide(server)),
  )

  it.scopedLive("finds a connection that went silent within a third of a lease", () =>
    Effect.gen(function* () {
      let silent = false
      const url = yield* proxy((client, server, first) => {
        server.write(first)
        client.on("data", (bytes: Uint8Array) => !silent && server.write(bytes))
        server.on("data", (bytes: Uint8Array) => !silent && client.write(bytes))
      })
      yield* Effect.gen(function* () {
        const workerId = yield* TestRuns.register()
        const run = yield* claimed(workerId, "5 seconds")
        yield* connected(workerId)
        yield* append(run, 0)
        silent = true
        const [duration] = yield* Effect.timed(append(run, 1))
        assertTrue(Duration.toSeconds(duration) < 5 / 3 + 1, Duration.format(duration))
        strictEqual((yield* TestRuns.getRun(run.runId)).latestSequence, run.latestSequence + 2)
      }).pipe(Effect.provide(yield* clientAt(url)))
    }).pipe(Effect.provide(server)),
  )
})
