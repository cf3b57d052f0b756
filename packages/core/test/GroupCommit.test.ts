import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Deferred, Effect, Either, Exit, Fiber, Scope } from "effect"
import { ControlPlaneUnavailable } from "../src/ports/ControlPlaneUnavailable.js"
import * as GroupCommit from "../src/store/GroupCommit.js"

/** A writer whose commits are recorded, and wait at `gate` while it is closed. */
const makeWriter = (options: { readonly maxBatch?: number } = {}) =>
  Effect.gen(function* () {
    const commits: Array<ReadonlyArray<string>> = []
    const undone: Array<ReadonlyArray<string>> = []
    const gate = yield* Effect.makeLatch(true)
    const entered = yield* Effect.makeLatch(false)
    let current: Array<string> = []
    const scope = yield* Scope.make()
    const group = yield* GroupCommit.make<string>({
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
    }).pipe(Scope.extend(scope))
    const say = (name: string) => (request: unknown) => void current.push(`${name} ${String(request)}`)
    return { commits, undone, gate, entered, scope, group, say }
  })

const double = (say: (request: unknown) => void): GroupCommit.Operation<number, number, string, string> => ({
  name: "double",
  run: (requests) =>
    Effect.sync(() =>
      requests.map((n) => {
        say(n)
        return n < 0 ? Either.left(`negative ${n}`) : Either.right(n * 2)
      }),
    ),
})

describe("GroupCommit", () => {
  it.effect("commits at once what comes alone, and together what comes while a commit is in flight", () =>
    Effect.gen(function* () {
      const { commits, gate, entered, group, say } = yield* makeWriter()
      const run = group.operation(double(say("double")))
      const other = group.operation(double(say("other")))
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
    "has the loads of a commit go before anything of it runs, and asks for verdicts once it has succeeded",
    () =>
      Effect.gen(function* () {
        const { commits, group, say } = yield* makeWriter()
        const order: Array<string> = []
        const operation = (name: string) =>
          group.operation<number, number, never>({
            name,
            load: (requests) => Effect.sync(() => void order.push(`load ${name} ${requests.join()}`)),
            run: (requests) =>
              Effect.sync(() => {
                order.push(`run ${name}`)
                requests.forEach(say(name))
                return () => {
                  order.push(`answer ${name} after ${commits.length}`)
                  return requests.map((n) => Either.right(n + 1))
                }
              }),
          })
        const a = operation("a")
        const b = operation("b")
        deepStrictEqual(yield* Effect.all([a(1), b(10), a(2)], { concurrency: "unbounded" }), [2, 11, 3])
        deepStrictEqual(commits, [["a 1", "a 2", "b 10"]])
        deepStrictEqual(order, [
          "load a 1,2",
          "load b 10",
          "run a",
          "run b",
          "answer a after 1",
          "answer b after 1",
        ])
      }),
  )

  it.effect("gives each its own verdict; a refusal undoes nobody's commit", () =>
    Effect.gen(function* () {
      const { commits, undone, group, say } = yield* makeWriter()
      const run = group.operation(double(say("double")))
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
      const { commits, group, say } = yield* makeWriter({ maxBatch: 2 })
      const run = group.operation(double(say("double")))
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

  it.effect("runs each request alone when their commit fails, so that a poison one fails alone", () =>
    Effect.gen(function* () {
      const { commits, undone, group, say } = yield* makeWriter()
      const told: Array<number> = []
      const run = group.operation<number, number, never>({
        name: "picky",
        run: (requests, commit) =>
          Effect.forEach(requests, (n) => {
            say("picky")(n)
            commit.after(Effect.sync(() => void told.push(n)))
            if (n === 13) return Effect.fail("unlucky")
            return n === 666 ? Effect.die("poison") : Effect.succeed(Either.right(n))
          }),
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
      deepStrictEqual(told, [1, 4])
    }),
  )

  it.effect("fails all at once when the transaction does not even begin", () =>
    Effect.gen(function* () {
      let begins = 0
      const group = yield* GroupCommit.make<string>({
        unavailable: (operation, failure) => new ControlPlaneUnavailable({ operation, message: failure }),
        transact: () =>
          Effect.suspend(() => {
            begins += 1
            return Effect.fail("locked")
          }),
      })
      const run = group.operation(double(() => {}))
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
      const { commits, gate, entered, group, say } = yield* makeWriter()
      const run = group.operation(double(say("double")))
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

  it.effect(
    "runs what is to come before a commit once, after all operations, and undoes all that it refuses",
    () =>
      Effect.gen(function* () {
        const { commits, undone, gate, entered, group, say } = yield* makeWriter()
        const operation = (name: string) =>
          group.operation<number, number, string>({
            name,
            run: (requests, commit) => {
              commit.before(
                requests.includes(13)
                  ? Effect.fail("unlucky")
                  : Effect.sync(() => say("before")(`${name} ${requests.join()}`)),
              )
              return double(say(name)).run(requests, commit)
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
          ["one 1", "before one 1"],
          ["one 2", "one 4", "other 3", "before one 2,4", "before other 3"],
        ])
        const refused = yield* Effect.flip(one(13))
        strictEqual(refused instanceof ControlPlaneUnavailable && refused.message, "unlucky")
        deepStrictEqual(undone, [["one 13"]])
      }),
  )

  it.effect("lets a request in flight stand without its caller, and hands on the answer nobody got", () =>
    Effect.gen(function* () {
      const { commits, gate, entered, group, say } = yield* makeWriter()
      const abandoned = yield* Deferred.make<readonly [number, number]>()
      const committed = yield* Deferred.make<void>()
      const run = group.operation<number, number, string>({
        name: "double",
        run: (requests, commit) => {
          commit.after(Effect.asVoid(Deferred.succeed(committed, undefined)))
          return double(say("double")).run(requests, commit)
        },
        onAbandoned: (request, answer) => Effect.asVoid(Deferred.succeed(abandoned, [request, answer])),
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
    "finishes the commit in flight when its Scope closes, and fails what is queued and what comes later",
    () =>
      Effect.gen(function* () {
        const { commits, gate, entered, scope, group, say } = yield* makeWriter()
        const run = group.operation(double(say("double")))
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
