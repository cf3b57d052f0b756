import { FetchHttpClient } from "@effect/platform"
import { NodeSocket } from "@effect/platform-node"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, AgentEvent, type Ids, Leases, type Run, RunLog, WorkerRegistry } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import {
  Array,
  Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Redacted,
  Scope,
  Stream,
} from "effect"
import * as net from "node:net"
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

/** Passes bytes on late and in pieces, in their order, as long as both ends are there. `before` may cut the connection instead. */
const passSlowly = (from: net.Socket, to: net.Socket, before: (bytes: Uint8Array) => void): void => {
  const pieces: Array<Uint8Array> = []
  const passNext = (): void => {
    const piece = pieces[0]
    if (piece === undefined || from.destroyed || to.destroyed) return
    setTimeout(() => {
      pieces.shift()
      if (!to.destroyed) to.write(piece)
      passNext()
    }, Math.random() * 2)
  }
  from.on("data", (bytes: Uint8Array) => {
    before(bytes)
    if (from.destroyed || to.destroyed) return
    const isPassing = pieces.length > 0
    const half = Math.floor(Math.random() * (bytes.length + 1))
    pieces.push(...[bytes.subarray(0, half), bytes.subarray(half)].filter(({ length }) => length > 0))
    if (!isPassing) passNext()
  })
}

const clientWith = (url: string, key: string) =>
  Client.layerWith({ baseUrl: url, token: Redacted.make(key) }).pipe(
    Layer.provide([FetchHttpClient.layer, NodeSocket.layerWebSocketConstructor]),
  )

/** The ports of a client that reaches the server by this URL. */
const clientAt = (url: string) => Effect.flatMap(Served, ({ key }) => Layer.build(clientWith(url, key)))

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

/** Appends one event after the other until it is enough; how many there are. */
const appendUntil = (run: Run.ClaimedRun, isEnough: () => boolean) =>
  Effect.gen(function* () {
    let index = 0
    yield* Effect.repeat(
      Effect.suspend(() => append(run, index++)),
      { until: isEnough },
    )
    return index
  })

/** Its log has these events, each once and in their order. */
const holds = (run: Run.ClaimedRun, appended: number) =>
  Effect.gen(function* () {
    let found = 0
    while (found < appended) {
      // The first event is that of its beginning.
      const page = yield* TestRuns.eventsOf(run.runId, found + 1)
      deepStrictEqual(
        page,
        page.map((_, at) => event(found + at)),
      )
      found += page.length
    }
    strictEqual((yield* TestRuns.getRun(run.runId)).latestSequence, run.latestSequence + appended)
  })

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

  const cuts = Searches.current.extent === "all" ? 1000 : 30

  it.scopedLive(
    `loses no event and adds none twice when its connection is slow, in pieces, and cut ${cuts} times`,
    () =>
      Effect.gen(function* () {
        let cut = 0
        // Cuts in the middle of what either side sends, once the connection has worked.
        const url = yield* proxy((client, server, first) => {
          const cutsClient = Math.random() < 0.5
          let left = Math.random() * 600
          let answers = 0
          const count = (isOfClient: boolean) => (bytes: Uint8Array) => {
            if (!isOfClient) answers += 1
            // The first is that of the handshake.
            if (answers < 2 || isOfClient !== cutsClient) return
            left -= bytes.length
            if (left > 0 || client.destroyed) return
            cut += 1
            client.destroy()
          }
          passSlowly(client, server, count(true))
          passSlowly(server, client, count(false))
          server.write(first)
        })
        yield* Effect.gen(function* () {
          const run = yield* claimed(yield* TestRuns.register(), "5 minutes")
          const appended = yield* appendUntil(run, () => cut >= cuts)
          yield* holds(run, appended)
        }).pipe(Effect.provide(yield* clientAt(url)))
      }).pipe(Effect.provide(server)),
  )

  const restarts = Searches.some(15)

  it.scopedLive(`loses no event and adds none twice when its server restarts ${restarts} times`, () =>
    Effect.gen(function* () {
      const plane = yield* Layer.memoize(MemoryControlPlane.layer)
      const first = yield* Layer.build(plane)
      const { id: projectId } = yield* Context.get(first, Access.Access).getProject("default")
      const { token } = yield* Context.get(first, Access.Access).createKey({
        projectId,
        name: "test",
        admin: true,
      })
      let address: URL | undefined
      /** How often the server has sent something over a WebSocket, beginning with its handshake. */
      let answers = 0
      const url = yield* TcpProxy.make(Redacted.make("http://127.0.0.1"), (client) => {
        client.once("data", (first: Uint8Array) => {
          if (address === undefined) return void client.destroy()
          const server = net.connect(Number(address.port), address.hostname)
          if (isUpgrade(first)) server.on("data", () => (answers += 1))
          for (const [from, to] of [
            [client, server],
            [server, client],
          ] as const) {
            from.on("error", () => from.destroy())
            from.once("close", () => to.destroy())
          }
          pass(client, server, first)
        })
      })
      const started = Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { url } = Context.get(yield* Layer.buildWithScope(serve(plane), scope), Served)
        answers = 0
        address = new URL(url)
        return Effect.zipRight(
          Effect.sync(() => (address = undefined)),
          Scope.close(scope, Exit.void),
        )
      })
      yield* Effect.gen(function* () {
        let stop = yield* started
        const run = yield* claimed(yield* TestRuns.register(), "5 minutes")
        let isLast = false
        const appending = yield* Effect.fork(appendUntil(run, () => isLast))
        for (const _ of Array.range(1, restarts)) {
          // The worker has a connection to this server, which has worked.
          yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => answers > 1 })
          yield* stop
          stop = yield* started
        }
        isLast = true
        yield* holds(run, yield* Fiber.join(appending))
        yield* stop
      }).pipe(Effect.provide(yield* Layer.build(clientWith(Redacted.value(url), Redacted.value(token)))))
    }),
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
