import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, AgentEvent, type Run } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Exit, Layer, Redacted, Scope, TestClock } from "effect"
import { EventEmitter } from "node:events"
import { connect, type Socket } from "node:net"
import { client, serve, Served } from "./serving.js"

const store = MemoryControlPlane.layer
const both = Layer.provideMerge(client, serve(store).pipe(Layer.provideMerge(store)))

const streamOf = (run: Run.ClaimedRun) => `/conversations/${run.conversationId}/runs/${run.runId}/stream`

/** A client on a raw socket, which does not read while the socket is paused. */
interface Reader {
  readonly socket: Socket
  /** All that has come, in chunks of HTTP. */
  readonly text: () => string
  /** The ids of the events that have come. */
  readonly ids: ReadonlyArray<number>
  /** Waits until `done` says so, which it may whenever something has come. */
  readonly until: (done: () => boolean) => Effect.Effect<void>
  readonly untilId: (id: number) => Effect.Effect<void>
  /** Waits for the end of the response. */
  readonly untilWhole: Effect.Effect<void>
  readonly closed: () => boolean
}

/** The body of a chunked response, as far as it has come. */
const bodyOf = (received: string): string => {
  let rest = received.slice(received.indexOf("\r\n\r\n") + 4)
  let body = ""
  for (;;) {
    const end = rest.indexOf("\r\n")
    const size = Number.parseInt(rest.slice(0, end), 16)
    if (end < 0 || !(size > 0) || rest.length < end + 2 + size) return body
    body += rest.slice(end + 2, end + 2 + size)
    rest = rest.slice(end + 2 + size + 2)
  }
}

const open = (
  run: Run.ClaimedRun,
  options: { readonly token?: string; readonly lastEventId?: number } = {},
) =>
  Effect.gen(function* () {
    const { key, url } = yield* Served
    const { hostname, port } = new URL(url)
    const grown = new EventEmitter().setMaxListeners(0)
    const chunks: Array<string> = []
    const ids: Array<number> = []
    /** The last that has come, where a frame may be cut. */
    let tail = ""
    let closed = false
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => connect(Number(port), hostname)),
      (opened) => Effect.sync(() => opened.destroy()),
    )
    socket.setEncoding("latin1")
    socket.on("data", (chunk) => {
      chunks.push(String(chunk))
      const text = tail + String(chunk)
      const found = Array.from(text.matchAll(/\nid: (\d+)\n/g))
      for (const [, id] of found) ids.push(Number(id))
      const last = found.at(-1)
      tail = text.slice(Math.max(text.length - 20, last === undefined ? 0 : last.index + last[0].length))
      grown.emit("grown")
    })
    socket.on("error", () => {})
    socket.on("close", () => {
      closed = true
      grown.emit("grown")
    })
    const { lastEventId, token = key } = options
    socket.write(
      `GET ${streamOf(run)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
        `${lastEventId === undefined ? "" : `Last-Event-ID: ${lastEventId}\r\n`}\r\n`,
    )
    const until = (done: () => boolean) =>
      Effect.async<void>((resume) => {
        const look = () => {
          if (done()) {
            grown.off("grown", look)
            resume(Effect.void)
          }
        }
        grown.on("grown", look)
        look()
      })
    const reader: Reader = {
      socket,
      text: () => chunks.join(""),
      ids,
      until,
      untilId: (id) => until(() => ids.at(-1)! >= id),
      untilWhole: until(() => tail.endsWith("0\r\n\r\n")),
      closed: () => closed,
    }
    yield* until(() => chunks.length > 0)
    if (lastEventId === undefined) yield* reader.untilId(1)
    return reader
  })

/** More than sockets and the system take for a client that does not read. */
const large = Array.from({ length: 10 }, (_, index) =>
  AgentEvent.custom("large", String(index).repeat(200_000)),
)
const largeBatches = 8

const upTo = (last: number, after = 0) =>
  Array.from({ length: last - after }, (_, index) => after + index + 1)

const held = Effect.flatMap(TestRuns.register(), TestRuns.hold)

/** Two readers of a run: one that reads nothing of more than fits into its connection, and one that has read it all. */
const overfilled = (run: Run.ClaimedRun) =>
  Effect.gen(function* () {
    const slow = yield* open(run)
    const quick = yield* open(run)
    slow.socket.pause()
    for (let batch = 1; batch <= largeBatches; batch++) yield* TestRuns.append(run, large)
    yield* quick.untilId(1 + largeBatches * large.length)
    return { slow, quick }
  })

const test = <A, E>(
  title: string,
  body: Effect.Effect<A, E, Layer.Layer.Success<typeof both> | Scope.Scope>,
) => it.live(title, () => body.pipe(Effect.scoped, Effect.provide(both)))

describe("the viewers of one log", () => {
  test(
    "a client that does not read delays no other, and has all of it in order once it reads",
    Effect.gen(function* () {
      const run = yield* held
      const slow = yield* open(run)
      const quick = yield* open(run)
      slow.socket.pause()
      for (let batch = 1; batch <= largeBatches; batch++) {
        yield* TestRuns.append(run, large)
        yield* quick.untilId(1 + batch * large.length)
      }
      assertTrue(slow.text().length < 1_000_000)
      yield* TestRuns.append(run, [AgentEvent.custom("small", 1)])
      slow.socket.resume()
      const last = 2 + largeBatches * large.length
      yield* slow.untilId(last)
      // It is with the others again.
      yield* TestRuns.append(run, [AgentEvent.custom("small", 2)])
      yield* TestRuns.complete(run)
      yield* Effect.all([slow.untilWhole, quick.untilWhole])
      deepStrictEqual(quick.ids, upTo(last + 2))
      deepStrictEqual(slow.ids, upTo(last + 2))
      assertTrue(bodyOf(slow.text()).replaceAll(":\n\n", "") === bodyOf(quick.text()).replaceAll(":\n\n", ""))
    }),
  )

  test(
    "a client that does not read while the run ends has its end when it reads",
    Effect.gen(function* () {
      const run = yield* held
      const slow = yield* open(run)
      slow.socket.pause()
      for (let batch = 1; batch <= largeBatches; batch++) yield* TestRuns.append(run, large)
      yield* TestRuns.complete(run)
      slow.socket.resume()
      yield* slow.untilWhole
      deepStrictEqual(slow.ids, upTo(2 + largeBatches * large.length))
      assertTrue(slow.text().includes("RUN_FINISHED"))
    }),
  )

  test(
    "a client that comes late, or back with a position, has what comes after it, from the log or from what is encoded",
    Effect.gen(function* () {
      const run = yield* held
      const first = yield* open(run)
      yield* TestRuns.append(run, large)
      yield* TestRuns.append(run, [AgentEvent.custom("small", 1), AgentEvent.custom("small", 2)])
      yield* first.untilId(13)
      const positions = [0, 1, 5, 11, 12, 13]
      const readers = yield* Effect.all(
        positions.map((lastEventId) => open(run, lastEventId === 0 ? {} : { lastEventId })),
      )
      yield* TestRuns.append(run, [AgentEvent.custom("small", 3)])
      yield* TestRuns.complete(run)
      const whole = bodyOf((yield* Effect.as(first.untilWhole, first)).text())
      for (const [index, reader] of readers.entries()) {
        yield* reader.untilWhole
        deepStrictEqual(reader.ids, upTo(15, positions[index]))
        assertTrue(whole.endsWith(bodyOf(reader.text()).slice(":\n\n".length)))
      }
    }),
  )

  test(
    "two hundred clients, of which half leave on the way, have the same bytes",
    Effect.gen(function* () {
      const run = yield* held
      const readers = yield* Effect.all(
        Array.from({ length: 200 }, () => open(run)),
        { concurrency: 20 },
      )
      for (let n = 0; n < 50; n++) {
        yield* TestRuns.append(run, [AgentEvent.textContent("m", `${n}`)])
        readers[n * 2]?.socket.destroy()
      }
      yield* TestRuns.complete(run)
      const bodies = new Set<string>()
      for (const [index, reader] of readers.entries()) {
        if (index < 100 && index % 2 === 0) continue
        yield* reader.untilWhole
        // A client may get a comment while nothing else comes.
        bodies.add(bodyOf(reader.text()).replaceAll(":\n\n", ""))
      }
      strictEqual(bodies.size, 1)
      deepStrictEqual(readers.at(-1)!.ids, upTo(52))
    }),
  )

  it.effect("a client that does not read is ended by its revocation, and no other is", () =>
    Effect.gen(function* () {
      const access = yield* Access.Access
      const project = yield* access.getProject("default")
      const { key, token } = yield* access.createKey({ projectId: project.id, name: "viewer" })
      const run = yield* held
      const slow = yield* open(run, { token: Redacted.value(token) })
      const witness = yield* open(run, { token: Redacted.value(token) })
      const quick = yield* open(run)
      slow.socket.pause()
      for (let batch = 1; batch <= largeBatches; batch++) yield* TestRuns.append(run, large)
      const last = 1 + largeBatches * large.length
      yield* Effect.all([quick.untilId(last), witness.untilId(last)])
      yield* access.revokeKey(project.id, key.id)
      yield* TestClock.adjust("10 seconds")
      yield* witness.untilWhole
      slow.socket.resume()
      yield* slow.untilWhole
      assertTrue(slow.ids.at(-1)! < last)
      deepStrictEqual(slow.ids, upTo(slow.ids.length))
      yield* TestRuns.append(run, [AgentEvent.custom("small", 1)])
      yield* quick.untilId(last + 1)
    }).pipe(Effect.scoped, Effect.provide(both)),
  )

  it.live("end with the server, also one that does not read", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(both, scope)
      yield* Effect.gen(function* () {
        const run = yield* held
        const { quick, slow } = yield* overfilled(run)
        const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void))
        yield* quick.untilWhole
        slow.socket.resume()
        yield* slow.untilWhole
        deepStrictEqual(slow.ids, upTo(slow.ids.length))
        yield* closing.await
      }).pipe(Effect.scoped, Effect.provide(context))
    }),
  )

  it.live("does not keep the server when it never reads", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(both, scope)
      yield* Effect.gen(function* () {
        const run = yield* held
        const { quick } = yield* overfilled(run)
        yield* Scope.close(scope, Exit.void)
        yield* quick.untilWhole
      }).pipe(Effect.scoped, Effect.provide(context))
    }),
  )
})
