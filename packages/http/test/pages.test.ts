import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, RunLog } from "@runlease/core"
import { PastAttempts } from "@runlease/core/executor"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Array, Effect, Layer, Stream } from "effect"
import { connect } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { countedClient } from "./countedClient.js"
import { type Answer, call } from "./raw.js"
import { client, serve, Served } from "./serving.js"
import { sqlite } from "./sqlite.js"

const both = Layer.provideMerge(client, serve(sqlite))

const large = AgentEvent.custom("large", "x".repeat(RunLog.maxEventBytes - 100))

const grow = (run: Parameters<typeof TestRuns.append>[0], batches: number) =>
  Effect.replicateEffect(
    TestRuns.append(
      run,
      Array.makeBy(20, () => large),
    ),
    batches,
  )

const held = Effect.flatMap(TestRuns.register(), TestRuns.hold)

const viewers = 20

/** Asks for the event stream of a run, and reads nothing of it once it has begun. */
const viewWithoutReading = Effect.fnUntraced(function* (runId: string) {
  const { key, url } = yield* Served
  return yield* Effect.acquireRelease(
    Effect.async<ReturnType<typeof connect>>((resume) => {
      const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) })
      socket.write(`GET /runs/${runId}/stream HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${key}\r\n\r\n`)
      socket.once("data", () => {
        socket.pause()
        resume(Effect.succeed(socket))
      })
    }),
    (socket) => Effect.sync(() => socket.destroy()),
  )
})

const collectGarbage = (): void => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
}

/** The bytes that this process holds. */
const retained = Effect.sync(() => {
  collectGarbage()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
})

/** What it holds once it holds no more than a look before. */
const settled = Effect.gen(function* () {
  let before = 0
  let now = yield* retained
  while (Math.abs(now - before) >= RunLog.maxEventBytes) {
    before = now
    now = yield* Effect.delay(retained, "500 millis")
  }
  return now
})

describe("a log of large events", () => {
  it.live("is paged in bytes, and each page but the last names the next", () =>
    Effect.gen(function* () {
      const run = yield* held
      yield* grow(run, 1)
      const pages: Array<number> = []
      let next: string | null = "0"
      while (next !== null) {
        const page: Answer = yield* call("GET", `/runs/${run.runId}/events?limit=1000&after_event_id=${next}`)
        strictEqual(page.status, 200)
        assertTrue(page.text.length <= RunLog.maxReadBytes + 1024, `${page.text.length}`)
        pages.push(page.json.data.length)
        next = page.json.page_info.next
      }
      deepStrictEqual(pages, [5, 4, 4, 4, 4])
      const waited = yield* call("GET", `/runs/${run.runId}/events?limit=1000&wait_seconds=5`)
      assertTrue(waited.text.length <= RunLog.maxReadBytes + 1024, `${waited.text.length}`)
    }).pipe(Effect.provide(both)),
  )

  it.live("takes bounded memory for each viewer that never reads", () =>
    Effect.gen(function* () {
      const run = yield* held
      yield* grow(run, 3)
      const before = yield* settled
      const opened = yield* Effect.forEach(Array.range(1, viewers), () => viewWithoutReading(run.runId))
      deepStrictEqual(opened.length, viewers)
      const taken = (yield* settled) - before
      // It has one write in bytes and a few more as text, each of them one event.
      assertTrue(taken <= viewers * 8 * RunLog.maxEventBytes, `${taken} bytes`)
    }).pipe(Effect.scoped, Effect.provide(both)),
  )
})

describe("a run of 10,000 steps, whose results are as large as they may be together", () => {
  it.live("is read by its next attempt in 15 requests at most", () =>
    Effect.gen(function* () {
      const run = yield* held
      const result = "x".repeat(Math.floor((8 * 1024 * 1024) / 10_000))
      const records = Array.makeBy(100, (index) =>
        AgentEvent.custom("runlease.step", {
          step_id: String(index).padStart(32, "0"),
          record_id: "0".repeat(36),
          name: "step",
          key: index,
          result,
        }),
      )
      yield* Effect.replicateEffect(TestRuns.append(run, records), 100)
      const { latestEventId } = yield* TestRuns.getRun(run.runId)
      const { counts, ports } = yield* countedClient
      const read = yield* PastAttempts.entries({ ...run, latestEventId }, "records").pipe(
        Stream.runCount,
        Effect.provide(ports),
      )
      strictEqual(read, 10_000)
      const requests = [...counts.values()].reduce((sum, count) => sum + count, 0)
      assertTrue(requests <= 15, `${requests} requests`)
    }).pipe(Effect.scoped, Effect.provide(both)),
  )
})
