import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import * as Ids from "@runlease/core/Ids"
import { Deferred, Effect, Either, Exit, Fiber, Function, Scope } from "effect"
import * as CommitQueue from "../src/commit/RunCommits.js"

/** What a commit was begun with, and what operations have added to it. */
interface Batch {
  readonly found: ReadonlyArray<string>
  readonly writes: Array<Effect.Effect<void, string>>
  readonly after: Array<Effect.Effect<void>>
}

type Operation<A> = CommitQueue.Operation<number, A, A, string, string, Batch, string>

const ref = (n: number) => ({
  projectId: Ids.ProjectId.make("00000000-0000-7000-8000-000000000000"),
  runId: Ids.RunId.make(`run ${n}`),
})

/** A queue whose commits are recorded, and wait at `gate` while it is closed. */
const makeQueue = (options: { readonly maxBatch?: number } = {}) =>
  Effect.gen(function* () {
    const commits: Array<ReadonlyArray<string>> = []
    const undone: Array<ReadonlyArray<string>> = []
    const order: Array<string> = []
    const gate = yield* Effect.makeLatch(true)
    const entered = yield* Effect.makeLatch(false)
    let current: Array<string> = []
    const scope = yield* Scope.make()
    const queue = yield* CommitQueue.makeQueue<string, Batch, string>({
      ...options,
      unavailable: (operation, failure) => new ControlPlaneUnavailable({ operation, message: failure }),
      transact: (effect) =>
        Effect.suspend(() => {
          current = []
          return entered.open
        }).pipe(
          Effect.zipRight(gate.await),
          Effect.zipRight(effect),
          Effect.tap(() => Effect.sync(() => commits.push(current))),
          Effect.tapErrorCause(() => Effect.sync(() => undone.push(current))),
        ),
      begin: (refs, probes) =>
        Effect.sync(() => {
          const found = [...refs.map(({ runId }) => runId), ...probes]
          if (found.length > 0) order.push(`find ${found.join(", ")}`)
          return { found, writes: [], after: [] }
        }),
      finish: ({ writes }) => Effect.all(writes, { discard: true }),
      after: ({ after }) => Effect.all(after, { discard: true }),
    }).pipe(Scope.extend(scope))
    const record = (name: string) => (request: unknown) => void current.push(`${name} ${String(request)}`)
    return { commits, undone, order, gate, entered, scope, queue, record }
  })

const double = (record: (request: unknown) => void): Operation<number> => ({
  name: "double",
  decide: (requests) =>
    Effect.sync(() =>
      requests.map((n) => {
        record(n)
        return n < 0 ? Either.left(`negative ${n}`) : Either.right(n * 2)
      }),
    ),
  answer: Function.identity,
})

describe("CommitQueue", () => {
  it.effect(
    "commits a single request at once, and the requests that arrive while a commit is in flight together",
    () =>
      Effect.gen(function* () {
        const { commits, gate, entered, queue, record } = yield* makeQueue()
        const run = queue.operation(double(record("double")))
        const other = queue.operation(double(record("other")))
        yield* gate.close
        const first = yield* Effect.fork(run(1))
        yield* entered.await
        const rest = yield* Effect.forkAll([
          run(2),
          other(3),
          run(4),
          Effect.either(run(-5)).pipe(Effect.as(0)),
        ])
        yield* Effect.yieldNow()
        yield* gate.open
        strictEqual(yield* Fiber.join(first), 2)
        deepStrictEqual(yield* Fiber.join(rest), [4, 6, 8, 0])
        deepStrictEqual(commits, [["double 1"], ["double 2", "double 4", "double -5", "other 3"]])
      }),
  )

  it.effect(
    "finds what its operations need before any of them decides, and answers once it has succeeded",
    () =>
      Effect.gen(function* () {
        const { commits, order, queue, record } = yield* makeQueue()
        const operation = (name: string) =>
          queue.operation<number, number, number>({
            name,
            refs: (n) => [ref(n)],
            probes: (n) => [`probe ${n}`],
            decide: (requests, { found }) =>
              Effect.sync(() => {
                order.push(`${name} decides on ${found.length}`)
                requests.forEach(record(name))
                return requests.map((n) => Either.right(n))
              }),
            answer: (n) => {
              order.push(`answer ${name} ${n} after ${commits.length}`)
              return n + 1
            },
          })
        const a = operation("a")
        const b = operation("b")
        deepStrictEqual(yield* Effect.all([a(1), b(10), a(2)], { concurrency: "unbounded" }), [2, 11, 3])
        deepStrictEqual(commits, [["a 1", "a 2", "b 10"]])
        deepStrictEqual(order, [
          "find run 1, run 2, run 10, probe 1, probe 2, probe 10",
          "a decides on 6",
          "b decides on 6",
          "answer a 1 after 1",
          "answer a 2 after 1",
          "answer b 10 after 1",
        ])
      }),
  )

  it.effect("gives each request its own verdict; a refusal undoes no commit", () =>
    Effect.gen(function* () {
      const { commits, undone, queue, record } = yield* makeQueue()
      const run = queue.operation(double(record("double")))
      const verdicts = yield* Effect.forEach([1, -1, 3], (n) => Effect.either(run(n)), {
        concurrency: "unbounded",
      })
      deepStrictEqual(verdicts, [Either.right(2), Either.left("negative -1"), Either.right(6)])
      strictEqual(commits.length, 1)
      strictEqual(undone.length, 0)
    }),
  )

  it.effect("takes at most maxBatch requests into a commit and the rest into the next ones", () =>
    Effect.gen(function* () {
      const { commits, queue, record } = yield* makeQueue({ maxBatch: 2 })
      const run = queue.operation(double(record("double")))
      const numbers = Array.from({ length: 50 }, (_, n) => n)
      const answers = yield* Effect.forEach(numbers, run, { concurrency: "unbounded" })
      deepStrictEqual(
        answers,
        numbers.map((n) => n * 2),
      )
      assert.isTrue(commits.every((commit) => commit.length <= 2))
      strictEqual(commits.flat().length, 50)
    }),
  )

  it.effect("tries each request alone when their commit fails, so that a poison one fails alone", () =>
    Effect.gen(function* () {
      const { commits, undone, queue, record } = yield* makeQueue()
      const succeeded: Array<number> = []
      const run = queue.operation<number, number, number>({
        name: "picky",
        decide: (requests, { after }) =>
          Effect.forEach(requests, (n) => {
            record("picky")(n)
            after.push(Effect.sync(() => void succeeded.push(n)))
            if (n === 13) return Effect.fail("unlucky")
            return n === 666 ? Effect.die("poison") : Effect.succeed(Either.right(n))
          }),
        answer: Function.identity,
      })
      const exits = yield* Effect.forEach([1, 13, 666, 4], (n) => Effect.exit(run(n)), {
        concurrency: "unbounded",
      })
      deepStrictEqual(exits[0], Exit.succeed(1))
      deepStrictEqual(
        exits[1],
        Exit.fail(new ControlPlaneUnavailable({ operation: "picky", message: "unlucky" })),
      )
      deepStrictEqual(exits[2], Exit.die("poison"))
      deepStrictEqual(exits[3], Exit.succeed(4))
      deepStrictEqual(commits, [["picky 1"], ["picky 4"]])
      strictEqual(undone.length, 3)
      deepStrictEqual(succeeded, [1, 4])
    }),
  )

  it.effect("fails all requests at once when the transaction does not begin", () =>
    Effect.gen(function* () {
      let begins = 0
      const queue = yield* CommitQueue.makeQueue<string, Batch, string>({
        begin: () => Effect.succeed({ found: [], writes: [], after: [] }),
        finish: () => Effect.void,
        after: () => Effect.void,
        unavailable: (operation, failure) => new ControlPlaneUnavailable({ operation, message: failure }),
        transact: () =>
          Effect.suspend(() => {
            begins += 1
            return Effect.fail("locked")
          }),
      })
      const run = queue.operation(double(() => {}))
      const refusals = yield* Effect.forEach([1, 2, 3], (n) => Effect.flip(run(n)), {
        concurrency: "unbounded",
      })
      deepStrictEqual(
        refusals,
        [1, 2, 3].map(() => new ControlPlaneUnavailable({ operation: "double", message: "locked" })),
      )
      strictEqual(begins, 1)
    }).pipe(Effect.scoped),
  )

  it.effect("drops a queued request whose caller is interrupted", () =>
    Effect.gen(function* () {
      const { commits, gate, entered, queue, record } = yield* makeQueue()
      const run = queue.operation(double(record("double")))
      yield* gate.close
      const first = yield* Effect.fork(run(1))
      yield* entered.await
      const second = yield* Effect.fork(run(2))
      const third = yield* Effect.fork(run(3))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(second)
      yield* gate.open
      yield* Fiber.join(first)
      yield* Fiber.join(third)
      deepStrictEqual(commits, [["double 1"], ["double 3"]])
    }),
  )

  it.effect("writes once, after all operations have decided, and undoes the commit when a write fails", () =>
    Effect.gen(function* () {
      const { commits, undone, gate, entered, queue, record } = yield* makeQueue()
      const operation = (name: string) =>
        queue.operation({
          ...double(record(name)),
          decide: (requests, batch) => {
            batch.writes.push(
              requests.includes(13)
                ? Effect.fail("unlucky")
                : Effect.sync(() => record("write")(`${name} ${requests.join()}`)),
            )
            return double(record(name)).decide(requests, batch)
          },
        })
      const [one, other] = [operation("one"), operation("other")]
      yield* gate.close
      const first = yield* Effect.fork(one(1))
      yield* entered.await
      const rest = yield* Effect.forkAll([one(2), other(3), one(4)])
      yield* Effect.yieldNow()
      yield* gate.open
      yield* Fiber.join(first)
      deepStrictEqual(yield* Fiber.join(rest), [4, 6, 8])
      deepStrictEqual(commits, [
        ["one 1", "write one 1"],
        ["one 2", "one 4", "other 3", "write one 2,4", "write other 3"],
      ])
      const refused = yield* Effect.flip(one(13))
      strictEqual(refused instanceof ControlPlaneUnavailable && refused.message, "unlucky")
      deepStrictEqual(undone, [["one 13"]])
    }),
  )

  it.effect("lets a request in flight stand without its caller, and hands on its answer", () =>
    Effect.gen(function* () {
      const { commits, gate, entered, queue, record } = yield* makeQueue()
      const abandoned = yield* Deferred.make<readonly [number, number]>()
      const committed = yield* Deferred.make<void>()
      const run = queue.operation({
        ...double(record("double")),
        decide: (requests, batch) => {
          batch.after.push(Effect.asVoid(Deferred.succeed(committed, undefined)))
          return double(record("double")).decide(requests, batch)
        },
        abandoned: (request, answer) => Effect.asVoid(Deferred.succeed(abandoned, [request, answer])),
      })
      yield* gate.close
      const caller = yield* Effect.fork(run(1))
      yield* entered.await
      yield* Fiber.interrupt(caller)
      yield* gate.open
      deepStrictEqual(yield* Deferred.await(abandoned), [1, 2])
      yield* Deferred.await(committed)
      deepStrictEqual(commits, [["double 1"]])
    }),
  )

  it.effect(
    "finishes the commit in flight when its Scope closes, and fails the requests that wait and those that come later",
    () =>
      Effect.gen(function* () {
        const { commits, gate, entered, scope, queue, record } = yield* makeQueue()
        const run = queue.operation(double(record("double")))
        yield* gate.close
        const first = yield* Effect.fork(Effect.either(run(1)))
        yield* entered.await
        const second = yield* Effect.fork(Effect.either(run(2)))
        yield* Effect.yieldNow()
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* Effect.yieldNow()
        yield* gate.open
        yield* Fiber.join(closing)
        deepStrictEqual(yield* Fiber.join(first), Either.right(2))
        const refusals = [yield* Fiber.join(second), yield* Effect.either(run(3))]
        for (const refusal of refusals) {
          deepStrictEqual(
            Either.mapLeft(refusal, (error) => (typeof error === "string" ? error : error._tag)),
            Either.left("ControlPlaneUnavailable"),
          )
        }
        deepStrictEqual(commits, [["double 1"]])
      }),
  )
})
