import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Deferred, Effect, Exit, Fiber, Queue, Scope } from "effect"
import * as Batches from "../src/client/Batches.js"

interface Sent {
  readonly items: ReadonlyArray<number>
  /** Answers the batch. */
  readonly answer: Effect.Effect<boolean>
}

/** Batches that are answered when the test says so, each item with its tenfold. */
const sender = (options: { readonly atOnce?: number; readonly underWay?: number } = {}) =>
  Effect.gen(function* () {
    const scope = yield* Effect.acquireRelease(Scope.make(), (made) => Scope.close(made, Exit.void))
    const sent = yield* Queue.unbounded<Sent>()
    const cut: Array<ReadonlyArray<number>> = []
    const abandoned: Array<readonly [number, number]> = []
    const send = yield* Batches.make({
      send: (items: ReadonlyArray<number>) =>
        Effect.gen(function* () {
          const answered = yield* Deferred.make<void>()
          yield* Queue.offer(sent, { items, answer: Deferred.succeed(answered, undefined) })
          yield* Deferred.await(answered)
          return items.map((item) => item * 10)
        }).pipe(Effect.onInterrupt(() => Effect.sync(() => cut.push(items)))),
      fitting: (items) => Math.min(items.length, options.atOnce ?? 100),
      underWay: options.underWay ?? 1,
      closed: (item) => `closed ${item}`,
      onAbandoned: (item, answer) => abandoned.push([item, answer]),
    }).pipe(Scope.extend(scope))
    const start = (item: number) => Effect.zipLeft(Effect.forkScoped(send(item)), Effect.yieldNow())
    return { start, sent, cut, abandoned, close: Scope.close(scope, Exit.void) }
  })

const next = (queue: Queue.Queue<Sent>) => Queue.take(queue)

describe("items that go together", () => {
  it.scoped(
    "the first goes at once, and what comes meanwhile with the next batch, each with its own answer",
    () =>
      Effect.gen(function* () {
        const { sent, start } = yield* sender()
        const first = yield* start(1)
        const one = yield* next(sent)
        deepStrictEqual(one.items, [1])
        const others = yield* Effect.all([start(2), start(3), start(4)])
        strictEqual(yield* Queue.size(sent), 0)
        yield* one.answer
        strictEqual(yield* Fiber.join(first), 10)
        const two = yield* next(sent)
        deepStrictEqual(two.items, [2, 3, 4])
        yield* two.answer
        deepStrictEqual(yield* Fiber.join(Fiber.all(others)), [20, 30, 40])
      }),
  )

  it.scoped("no more go into a batch than fit, and no more batches are under way than may be", () =>
    Effect.gen(function* () {
      const { sent, start } = yield* sender({ atOnce: 2, underWay: 2 })
      const fibers = yield* Effect.all([1, 2, 3, 4, 5].map(start))
      const one = yield* next(sent)
      const two = yield* next(sent)
      deepStrictEqual([...one.items, ...two.items].length <= 4, true)
      yield* Effect.yieldNow()
      strictEqual(yield* Queue.size(sent), 0)
      yield* one.answer
      yield* two.answer
      const rest = yield* Effect.forkScoped(
        Effect.forever(
          Effect.flatMap(next(sent), ({ answer, items }) => {
            assertTrue(items.length <= 2)
            return answer
          }),
        ),
      )
      deepStrictEqual(yield* Fiber.join(Fiber.all(fibers)), [10, 20, 30, 40, 50])
      yield* Fiber.interrupt(rest)
    }),
  )

  it.scoped("a caller that goes before its item was sent takes it back", () =>
    Effect.gen(function* () {
      const { abandoned, sent, start } = yield* sender()
      const first = yield* start(1)
      const one = yield* next(sent)
      const second = yield* start(2)
      const third = yield* start(3)
      yield* Fiber.interrupt(second)
      yield* one.answer
      yield* Fiber.join(first)
      const two = yield* next(sent)
      deepStrictEqual(two.items, [3])
      yield* two.answer
      yield* Fiber.join(third)
      deepStrictEqual(abandoned, [])
    }),
  )

  it.scoped("what was answered to a caller that has gone is told", () =>
    Effect.gen(function* () {
      const { abandoned, cut, sent, start } = yield* sender()
      const zeroth = yield* start(0)
      const zero = yield* next(sent)
      const first = yield* start(1)
      const second = yield* start(2)
      yield* zero.answer
      yield* Fiber.join(zeroth)
      const one = yield* next(sent)
      deepStrictEqual(one.items, [1, 2])
      yield* Fiber.interrupt(first)
      yield* one.answer
      strictEqual(yield* Fiber.join(second), 20)
      deepStrictEqual(abandoned, [[1, 10]])
      deepStrictEqual(cut, [])
    }),
  )

  it.scoped("a batch that nobody waits for any more is cut, and the next one goes", () =>
    Effect.gen(function* () {
      const { abandoned, cut, sent, start } = yield* sender()
      const first = yield* start(1)
      yield* next(sent)
      yield* Fiber.interrupt(first)
      const second = yield* start(2)
      const two = yield* next(sent)
      deepStrictEqual(cut, [[1]])
      yield* two.answer
      strictEqual(yield* Fiber.join(second), 20)
      deepStrictEqual(abandoned, [])
    }),
  )

  it.scoped("closing cuts what is under way, and tells all who wait, and all who come", () =>
    Effect.gen(function* () {
      const { close, cut, sent, start } = yield* sender()
      const first = yield* start(1)
      yield* next(sent)
      const second = yield* start(2)
      yield* close
      strictEqual(yield* Effect.flip(Fiber.join(first)), "closed 1")
      strictEqual(yield* Effect.flip(Fiber.join(second)), "closed 2")
      strictEqual(yield* Effect.flip(Fiber.join(yield* start(3))), "closed 3")
      deepStrictEqual(cut, [[1]])
    }),
  )
})
