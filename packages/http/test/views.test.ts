import { describe, expect, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, ControlPlane, RunLog } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, FastCheck, Layer, Stream } from "effect"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import * as AgUiView from "../src/agui/AgUiView.js"
import { frame } from "../src/server/EventStream.js"
import * as ResponseBody from "../src/server/ResponseBody.js"
import * as ViewRing from "../src/server/ViewRing.js"
import * as Views from "../src/server/Views.js"
import { makeClient, turns, until } from "./clients.js"

const layer = Layer.merge(
  Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer),
  Views.layer,
)

/** The frames of a whole log, each with the event it is of. */
const framesOf = (entries: ReadonlyArray<RunLog.LogEntry>, as: AgUiView.Subject) => {
  const view = AgUiView.make(as, { peer: "durable" })
  return entries.map(({ event, eventId }) => {
    const shown = view(event)
    return {
      eventId,
      text: shown
        .map((one, index) => frame(JSON.stringify(one), index === shown.length - 1 ? eventId : undefined))
        .join(""),
    }
  })
}

describe("the views of a log", () => {
  it("give each viewer each frame once and in order, at whatever pace it takes them and wherever it begins", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.array(
          FastCheck.oneof(
            FastCheck.record({ join: FastCheck.nat({ max: 30 }) }),
            FastCheck.record({
              viewer: FastCheck.nat(),
              takes: FastCheck.constantFrom(1, 2, 3, 1_000_000),
            }),
            FastCheck.record({ leaves: FastCheck.nat() }),
            FastCheck.record({ turns: FastCheck.integer({ min: 1, max: 5 }) }),
            FastCheck.record({
              add: FastCheck.integer({ min: 1, max: 5 }),
              bytes: FastCheck.constantFrom(10, 1000, 40_000, 100_000),
            }),
          ),
          { minLength: 10, maxLength: 30 },
        ),
        (steps) =>
          Effect.gen(function* () {
            const views = yield* Views.Views
            const log = yield* RunLog.RunLog
            const run = yield* TestRuns.hold(yield* TestRuns.register())
            const as = { runId: run.runId, threadId: run.conversationId }
            const clients: Array<ReturnType<typeof makeClient>> = []
            let added = 1
            const join = (after: number) => {
              const made = makeClient(after)
              clients.push(made)
              const viewer = views.join(log, { runId: run.runId, as, peer: "durable", after }, made.stream)
              Object.assign(made.client, viewer)
            }
            for (const step of steps) {
              if ("join" in step) join(Math.min(step.join, added))
              else if ("turns" in step) yield* turns(step.turns)
              else if ("leaves" in step) {
                const left = clients[step.leaves % clients.length]
                if (left === undefined || left.client.left) continue
                left.client.left = true
                left.client.leave()
              } else if ("takes" in step) clients[step.viewer % clients.length]?.takes(step.takes)
              else {
                const events = Array.from({ length: step.add }, (_, index) =>
                  AgentEvent.textContent(`m${added % 3}`, `${added + index} ${"x".repeat(step.bytes)}`),
                )
                yield* TestRuns.append(run, events)
                added += events.length
              }
            }
            yield* TestRuns.complete(run)
            for (const { takes } of clients) takes(1_000_000)
            const staying = clients.filter(({ client }) => !client.left)
            yield* until(() => staying.every(({ client }) => client.ended))
            const entries = yield* Stream.runCollect(log.follow({ runId: run.runId }))
            const frames = framesOf(Array.from(entries), as)
            for (const { client } of clients) {
              const expected = frames
                .filter(({ eventId }) => eventId > client.seen)
                .map(({ text }) => text)
                .join("")
              // A difference would be too long to print.
              expect(client.left ? expected.startsWith(client.text) : client.text === expected).toBe(true)
            }
          }).pipe(Effect.scoped, Effect.provide(layer), Effect.runPromise),
      ),
      { numRuns: 40 },
    )
  })

  it.live("wait for the fastest of their viewers, and read on when it takes more", () =>
    Effect.gen(function* () {
      const views = yield* Views.Views
      const log = yield* RunLog.RunLog
      const run = yield* TestRuns.hold(yield* TestRuns.register())
      let reads = 0
      const counted: typeof log = {
        ...log,
        reader: (options) =>
          Effect.map(log.reader(options), ({ next }) => ({
            next: (after, take) => {
              reads += 1
              return next(after, take)
            },
          })),
      }
      const shown = {
        runId: run.runId,
        as: { runId: run.runId, threadId: run.conversationId },
        peer: "durable" as const,
        after: 0,
      }
      const { client, stream, takes } = makeClient(0)
      Object.assign(client, views.join(counted, shown, stream))
      strictEqual(reads, 0)
      takes(1)
      yield* until(() => client.text.includes("RUN_STARTED"))
      const before = reads
      for (let n = 0; n < 5; n++) yield* TestRuns.append(run, [AgentEvent.custom("later", n)])
      strictEqual(client.text.includes("later"), false)
      assertTrue(reads <= before + 1)
      takes(1)
      assertTrue(client.text.includes("later"))
      client.leave()
    }).pipe(Effect.provide(layer)),
  )
})

describe("a ring", () => {
  const framesFor = (ids: ReadonlyArray<number>, size: number): ViewRing.Frames => ({
    ids,
    ends: ids.map((_, index) => (index + 1) * size),
    bytes: Buffer.alloc(ids.length * size, String(ids[0]! % 10)),
  })

  it("has its newest frames, as many as fit, and gives those after any place in them", () => {
    const ring = ViewRing.make(0)
    ring.add(framesFor([1, 2, 3], 10))
    ring.add(framesFor([4], 10))
    expect([ring.first(), ring.last()]).toEqual([0, 4])
    expect([0, 1, 3, 4, 9].map((position) => ring.after(position)?.bytes.length)).toEqual([
      40,
      30,
      10,
      undefined,
      undefined,
    ])
    for (let id = 5; id < 25; id++) ring.add(framesFor([id], 60_000))
    expect([ring.first(), ring.last()]).toEqual([20, 24])
    expect(ring.after(20)?.bytes.length).toBe(60_000)
    ring.add(framesFor([25], 2 * ViewRing.maxBytes))
    expect([ring.first(), ring.after(24)?.end]).toEqual([24, 25])
  })
})

describe("the body of a response", () => {
  it("takes no more while what it is sent into is full, and its end all the same", async () => {
    const written: Array<string> = []
    let drain = () => {}
    const full = new Writable({
      highWaterMark: 1,
      write: (chunk, _, done) => {
        written.push(String(chunk))
        drain = done
      },
    })
    let ready = 0
    const body = ResponseBody.make(Buffer.from("first"), () => (ready += 1))
    const done = pipeline(body.readable, full)
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    await turn()
    expect([ready, body.isReady()]).toEqual([0, false])
    drain()
    await turn()
    expect([ready, body.isReady()]).toEqual([1, true])
    body.write(Buffer.from("second"))
    expect([body.isReady(), written]).toEqual([false, ["first", "second"]])
    body.end()
    drain()
    await done
    expect([ready, written]).toEqual([1, ["first", "second"]])
  })
})
