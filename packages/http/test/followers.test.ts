import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, ControlPlane, type Run } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Array, Duration, Effect, Fiber, Layer } from "effect"
import { EventEmitter } from "node:events"
import * as http from "node:http"
import * as LogReads from "../../sql/test/LogReads.js"
import { client, serve, Served } from "./serving.js"
import { sqlite } from "./sqlite.js"

/** Reads an event stream to its end on a socket of its own; `seen` grows as it comes. */
const view = Effect.fnUntraced(function* (path: string) {
  const { key, url } = yield* Served
  const seen = { text: "" }
  const grown = new EventEmitter()
  const fiber = yield* Effect.async<void, Error>((resume) => {
    const request = http.get(
      url + path,
      { agent: false, headers: { authorization: `Bearer ${key}` } },
      (response) =>
        response
          .setEncoding("utf8")
          .on("data", (text: string) => {
            seen.text += text
            grown.emit("grown")
          })
          .on("end", () => resume(Effect.void)),
    )
    request.on("error", (error) => resume(Effect.fail(error)))
    return Effect.sync(() => request.destroy())
  }).pipe(Effect.forkScoped)
  const until = (part: string) =>
    Effect.async<void>((resume) => {
      const look = () => {
        if (seen.text.includes(part)) resume(Effect.void)
      }
      grown.on("grown", look)
      look()
    })
  return { fiber, seen, until }
})

const idsOf = (text: string) => Array.fromIterable(text.matchAll(/^id: (\d+)$/gm)).map(([, id]) => Number(id))

const streamOf = (run: Run.ClaimedRun) => `/conversations/${run.conversationId}/runs/${run.runId}/stream`

describe("a thousand viewers of one run", () => {
  it.live("have it read from the database once, beside the slow poll, and each see all of it", () =>
    LogReads.counted((reads) =>
      Effect.gen(function* () {
        yield* TestRuns.submit()
        // A thousand viewers take longer than a lease of the other tests on a busy machine.
        const run = yield* TestRuns.claimOne(yield* TestRuns.register(), { leaseDuration: "5 minutes" })
        const [took] = yield* Effect.timed(
          Effect.gen(function* () {
            const viewers = yield* Effect.all(Array.makeBy(1000, () => view(streamOf(run))))
            yield* Effect.forEach(viewers, ({ until }) => until("id: 1\n"))
            yield* TestRuns.append(run, [AgentEvent.custom("said", 2)])
            yield* TestRuns.append(run, [AgentEvent.custom("said", 3)])
            yield* TestRuns.complete(run)
            for (const { fiber, seen } of viewers) {
              yield* Fiber.join(fiber)
              deepStrictEqual(idsOf(seen.text), [1, 2, 3, 4])
            }
          }),
        )
        assertTrue(reads() <= 1 + Duration.toSeconds(took))
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(client, serve(sqlite)))),
    ),
  )

  it.live("have each event made into JSON once for all of them", () =>
    Effect.gen(function* () {
      const run = yield* TestRuns.hold(yield* TestRuns.register())
      let made = 0
      yield* TestRuns.append(run, [AgentEvent.custom("said", { toJSON: () => (made += 1) })])
      yield* TestRuns.complete(run)
      made = 0
      const viewers = yield* Effect.all(Array.makeBy(10, () => view(streamOf(run))))
      for (const { fiber, seen } of viewers) {
        yield* Fiber.join(fiber)
        deepStrictEqual(idsOf(seen.text), [1, 2, 3])
      }
      strictEqual(made, 1)
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provideMerge(ControlPlane.layerProject(), serve(MemoryControlPlane.layer))),
    ),
  )
})
