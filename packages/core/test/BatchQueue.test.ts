import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Cause, Deferred, Effect, Either, Exit, Fiber, Queue, Scope } from "effect"
import * as BatchQueue from "../src/ports/BatchQueue.js"

interface Sent {
  readonly items: ReadonlyArray<number>
  /** Answers the batch. */
  readonly answer: Effect.Effect<boolean>
}

type Verdict = Either.Either<number, string>

/** A queue whose batches are answered when the test does so, each item with its tenfold; one with 13 fails. */
const makeSender = (
  options: {
    readonly atOnce?: number
    readonly inFlight?: number
    readonly overtakes?: (item: number) => boolean
    readonly cut?: boolean
  } = {},
) =>
  Effect.gen(function* () {
    const scope = yield* Effect.acquireRelease(Scope.make(), (made) => Scope.close(made, Exit.void))
    const sent = yield* Queue.unbounded<Sent>()
    const cut: Array<ReadonlyArray<number>> = []
    const abandoned: Array<readonly [number, number]> = []
    const steps: Array<string> = []
    const queue = yield* BatchQueue.make<number, Verdict, string>({
      send: (items) =>
        Effect.gen(function* () {
          const answered = yield* Deferred.make<void>()
          yield* Queue.offer(sent, { items, answer: Deferred.succeed(answered, undefined) })
          yield* Deferred.await(answered)
          if (items.includes(13)) return yield* Effect.fail("unlucky")
          return {
            verdicts: items.map((item) => Either.right(item * 10)),
            after: Effect.sync(() => void steps.push(`after ${items.join()}`)),
          }
        }).pipe(Effect.onInterrupt(() => Effect.sync(() => cut.push(items)))),
      fitting: (items) => Math.min(items.length, options.atOnce ?? 100),
      inFlight: options.inFlight ?? 1,
      overtakes: options.overtakes,
      gather: Effect.yieldNow(),
      isolates: (failure) => failure === "unlucky",
      cut: options.cut ?? true,
      failed: (item, cause) =>
        Either.left(cause === "closed" ? `closed ${item}` : `${item}: ${Cause.pretty(cause)}`),
      abandoned: (item, verdict) =>
        Effect.sync(() => void Either.map(verdict, (answer) => abandoned.push([item, answer]))),
    }).pipe(Scope.extend(scope))
    const send = (item: number) =>
      Effect.async<number, string>((resume) =>
        queue.add(item, (verdict) => {
          steps.push(`verdict of ${item}`)
          resume(verdict)
        }),
      )
    const start = (item: number) => Effect.zipLeft(Effect.forkScoped(send(item)), Effect.yieldNow())
    return { start, sent, cut, abandoned, steps, isBusy: queue.isBusy, close: Scope.close(scope, Exit.void) }
  })

const next = (queue: Queue.Queue<Sent>) => Queue.take(queue)

describe("BatchQueue", () => {
  it.scoped("is busy while a batch is in flight or a request waits", () =>
    Effect.gen(function* () {
      const { isBusy, sent, start } = yield* makeSender({ atOnce: 1 })
      strictEqual(isBusy(), false)
      const first = yield* start(1)
      const one = yield* next(sent)
      const second = yield* start(2)
      strictEqual(isBusy(), true)
      yield* one.answer
      yield* Fiber.join(first)
      const two = yield* next(sent)
      strictEqual(isBusy(), true)
      yield* two.answer
      yield* Fiber.join(second)
      yield* Effect.yieldNow()
      strictEqual(isBusy(), false)
    }),
  )

  it.scoped(
    "sends the first request at once, and the requests that arrive meanwhile with the next batch, each with its own verdict",
    () =>
      Effect.gen(function* () {
        const { sent, start } = yield* makeSender()
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

  it.scoped(
    "puts no more requests into a batch than fit, and has no more batches in flight than it may",
    () =>
      Effect.gen(function* () {
        const { sent, start } = yield* makeSender({ atOnce: 2, inFlight: 2 })
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

  it.scoped(
    "keeps a request that does not overtake until no batch is in flight, or another one that does takes it along",
    () =>
      Effect.gen(function* () {
        const { sent, start } = yield* makeSender({ inFlight: 2, overtakes: (item) => item > 9 })
        const fibers = [yield* start(1)]
        const one = yield* next(sent)
        fibers.push(yield* start(2), yield* start(3))
        yield* Effect.yieldNow()
        strictEqual(yield* Queue.size(sent), 0)
        fibers.push(yield* start(10))
        const two = yield* next(sent)
        deepStrictEqual(two.items, [2, 3, 10])
        fibers.push(yield* start(4))
        yield* one.answer
        yield* Fiber.join(fibers[0]!)
        yield* Effect.yieldNow()
        strictEqual(yield* Queue.size(sent), 0)
        yield* two.answer
        const three = yield* next(sent)
        deepStrictEqual(three.items, [4])
        yield* three.answer
        deepStrictEqual(yield* Fiber.join(Fiber.all(fibers)), [10, 20, 30, 100, 40])
      }),
  )

  it.scoped("drops a request whose caller goes before it was sent", () =>
    Effect.gen(function* () {
      const { abandoned, sent, start } = yield* makeSender()
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

  it.scoped("hands on an answer whose caller has gone", () =>
    Effect.gen(function* () {
      const { abandoned, cut, sent, start } = yield* makeSender()
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

  it.scoped("cuts a batch once all of its callers have gone, and sends the next one", () =>
    Effect.gen(function* () {
      const { abandoned, cut, sent, start } = yield* makeSender()
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

  it.scoped(
    "cuts the batch in flight at its close, and fails the requests that wait and those that come later",
    () =>
      Effect.gen(function* () {
        const { close, cut, sent, start } = yield* makeSender()
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

  it.scoped("runs what comes after a batch once its callers have their verdicts", () =>
    Effect.gen(function* () {
      const { sent, start, steps } = yield* makeSender()
      const zeroth = yield* start(0)
      const zero = yield* next(sent)
      const others = yield* Effect.all([start(1), start(2)])
      yield* zero.answer
      yield* Fiber.join(zeroth)
      yield* Effect.flatMap(next(sent), ({ answer }) => answer)
      yield* Fiber.join(Fiber.all(others))
      deepStrictEqual(steps, ["verdict of 0", "after 0", "verdict of 1", "verdict of 2", "after 1,2"])
    }),
  )

  it.scoped("sends each request of a failed batch alone, so that one of them fails alone", () =>
    Effect.gen(function* () {
      const { sent, start } = yield* makeSender()
      const zeroth = yield* start(0)
      const zero = yield* next(sent)
      const [one, thirteen, two] = yield* Effect.all([start(1), start(13), start(2)])
      yield* zero.answer
      yield* Fiber.join(zeroth)
      for (const items of [[1, 13, 2], [1], [13], [2]]) {
        const batch = yield* next(sent)
        deepStrictEqual(batch.items, items)
        yield* batch.answer
      }
      strictEqual(yield* Fiber.join(one), 10)
      strictEqual(yield* Effect.flip(Fiber.join(thirteen)), "13: Error: unlucky")
      strictEqual(yield* Fiber.join(two), 20)
    }),
  )

  it.scoped("finishes a batch in flight that it does not cut, at its close and without its caller", () =>
    Effect.gen(function* () {
      const { abandoned, close, cut, sent, start } = yield* makeSender({ cut: false })
      const first = yield* start(1)
      const one = yield* next(sent)
      yield* Fiber.interrupt(first)
      const closing = yield* Effect.forkScoped(close)
      yield* Effect.yieldNow()
      yield* one.answer
      yield* Fiber.join(closing)
      deepStrictEqual(abandoned, [[1, 10]])
      deepStrictEqual(cut, [])
    }),
  )
})
