/**
 * Tests of executors that take the messages to their runs.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Inbox, type InboxMessage, type Run, RunLog, Runs, Step } from "@runlease/core"
import { Deferred, Effect, Ref } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import { type Declare, run, start, submit, until, untilStatus } from "../TestWorker.js"
import { counting, customs, dyingBefore, textsOf } from "./StepRuns.js"

type RunId = Run.Run["runId"]

const send = (runId: RunId, text: string) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.tell(runId, { parts: [{ type: "text", text }] }))

const textOf = ({ parts }: InboxMessage.InboxMessage): string => String(parts[0]?.["text"])

const drain = (name: string, key?: unknown) =>
  Effect.map(Inbox.drain(name, { key }), (messages) => messages.map(textOf).join("+"))

/** Returns the first message, unless none comes within an hour. */
const patient = Executor.from(() =>
  Effect.raceFirst(
    Effect.map(Inbox.take("answer"), textOf),
    Effect.as(Step.sleep("patience", "1 hour"), "timeout"),
  ),
)

const untilWaiting = (runId: RunId) =>
  TestRuns.eventually(run(runId), ({ status }) => status === "waiting", {
    step: "10 millis",
    within: "2 seconds",
  })

export const tests = (test: Declare): void => {
  test.describe("a run that takes messages", () => {
    test(
      "takes each once, in the place where it took it first",
      Effect.gen(function* () {
        const gates = yield* Effect.replicateEffect(Deferred.make<void>(), 2)
        const { count, next } = yield* counting
        yield* dyingBefore(2, () =>
          Effect.forEach([0, 1], (round) =>
            Effect.gen(function* () {
              const texts = yield* drain("round", round)
              yield* Step.run("work", Effect.zipRight(next, Deferred.await(gates[round]!)), { key: round })
              return texts
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* until(count, (n) => n === 1)
        yield* send(runId, "left")
        yield* send(runId, "right")
        yield* Deferred.succeed(gates[0]!, undefined)
        yield* until(count, (n) => n === 2)
        yield* Deferred.succeed(gates[1]!, undefined)
        yield* untilStatus(runId, "completed")
        // The second attempt took nothing in the first round, since the first one did not.
        deepStrictEqual(yield* textsOf(runId), ['["","left+right"]'])
        strictEqual(yield* count, 2)
      }),
    )

    test(
      "is executed again for what comes before its end, and does no step twice",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const gate = yield* Deferred.make<void>()
        const attempts = yield* Ref.make(0)
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const attempt = yield* Ref.updateAndGet(attempts, (n) => n + 1)
              const first = yield* drain("first")
              const counted = yield* Step.run("work", next)
              if (attempt === 1) yield* Deferred.await(gate)
              return attempt === 1 ? `${first} ${counted}` : `${first} ${counted} ${yield* drain("second")}`
            }),
          ),
        )
        const { runId } = yield* submit({ maxAttempts: 1 })
        yield* until(count, (n) => n === 1)
        yield* send(runId, "late")
        yield* Deferred.succeed(gate, undefined)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), [" 1", " 1 late"])
        deepStrictEqual([yield* count, yield* Ref.get(attempts)], [1, 2])
      }),
    )

    test(
      "is executed again for what comes while it takes only what it had consumed before",
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const attempts = yield* Ref.make(0)
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const attempt = yield* Ref.updateAndGet(attempts, (n) => n + 1)
              const first = yield* drain("first")
              if (attempt === 1) return yield* Effect.fail(Executor.retryableError("died", "again"))
              if (attempt === 2) yield* Deferred.await(gate)
              return attempt === 2 ? first : `${first}+${yield* drain("second")}`
            }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        yield* until(Ref.get(attempts), (n) => n === 2)
        yield* send(runId, "late")
        yield* Deferred.succeed(gate, undefined)
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* textsOf(runId), yield* Ref.get(attempts)], [["+late"], 3])
      }),
    )

    test(
      "goes the same way again, by what it is answered about its inbox",
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const { count, next } = yield* counting
        yield* dyingBefore(3, () =>
          Effect.gen(function* () {
            let draft = ""
            yield* Step.run("draft", Effect.zipRight(next, Deferred.await(gate)))
            for (let round = 0; yield* Inbox.pending; round++) {
              const revised = Effect.zipLeft(drain("read"), next)
              draft += yield* Step.run("revise", revised, { key: round })
            }
            yield* Step.run("publish", next)
            return draft
          }),
        )
        const { runId } = yield* submit()
        yield* until(count, (n) => n === 1)
        yield* send(runId, "left")
        yield* Deferred.succeed(gate, undefined)
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* textsOf(runId), yield* count], [['"left"'], 3])
      }),
    )

    test(
      "ends when it has gone its whole way again and takes nothing that came late",
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const attempts = yield* Ref.make(0)
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const texts = yield* drain("all")
              yield* Ref.update(attempts, (n) => n + 1)
              yield* Deferred.await(gate)
              return `messages "${texts}"`
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* until(Ref.get(attempts), (n) => n === 1)
        yield* send(runId, "late")
        yield* Deferred.succeed(gate, undefined)
        yield* untilStatus(runId, "completed")
        strictEqual(yield* Ref.get(attempts), 2)
      }),
    )

    test(
      "that looks for messages and takes none is executed again once for each, and ends",
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const attempts = yield* Ref.make(0)
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const isPending = yield* Inbox.pending
              if ((yield* Ref.updateAndGet(attempts, (n) => n + 1)) === 1) yield* Deferred.await(gate)
              return String(isPending)
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* until(Ref.get(attempts), (n) => n === 1)
        yield* send(runId, "late")
        yield* Deferred.succeed(gate, undefined)
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* textsOf(runId), yield* Ref.get(attempts)], [["false", "true"], 2])
      }),
    )

    test.onEachStore(
      "gets a message while it works, without a renewal",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              yield* Effect.repeat(Effect.zipRight(Effect.sleep("10 millis"), Inbox.pending), {
                until: (isPending) => isPending,
              })
              return yield* drain("all")
            }).pipe(Effect.map((texts) => texts)),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "running")
        yield* TestRuns.settle
        yield* send(runId, "left")
        yield* TestRuns.eventually(run(runId), ({ status }) => status === "completed", {
          step: "10 millis",
          within: "2 seconds",
        })
        deepStrictEqual(yield* textsOf(runId), ["left"])
      }),
    )

    test.onEachStore(
      "waits for a message without a worker, and takes one at a time",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              yield* Step.run("before", next)
              const first = yield* Inbox.take("first")
              const second = yield* Inbox.take("second")
              return `${textOf(first)} then ${textOf(second)}`
            }),
          ),
          { concurrency: 1 },
        )
        const { runId } = yield* submit({ maxAttempts: 1 })
        const { lease, waiting } = yield* untilWaiting(runId)
        deepStrictEqual([lease, waiting?.inbox], [null, 0])
        yield* send(runId, "one")
        yield* until(customs(runId), (names) => names.includes("runlease.inbox"))
        yield* untilWaiting(runId)
        yield* send(runId, "two")
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* textsOf(runId), yield* count], [["one then two"], 1])
      }),
    )

    test(
      "resumes behind the first of a sleep and a message",
      Effect.gen(function* () {
        yield* start(patient)
        const { runId } = yield* submit()
        yield* untilWaiting(runId)
        yield* send(runId, "me")
        yield* TestRuns.eventually(run(runId), ({ status }) => status === "completed", { step: "10 millis" })
        deepStrictEqual(yield* textsOf(runId), ["me"])
      }),
    )

    test(
      "continues with a message that takes long to be read, while it sleeps",
      Effect.gen(function* () {
        yield* start(patient)
        const { runId } = yield* submit()
        yield* until(customs(runId), (names) => names.includes("runlease.sleep"))
        yield* send(runId, "me")
        yield* TestRuns.eventually(run(runId), ({ status }) => status === "completed", { step: "10 millis" })
        deepStrictEqual(yield* textsOf(runId), ["me"])
      }),
      Faults.over(RunLog.RunLog, (log) => ({
        ...log,
        read: (options) =>
          options.only === "records" ? Effect.delay(log.read(options), "200 millis") : log.read(options),
      })),
    )

    test(
      "records an empty taking only outside of steps",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              yield* drain("outside")
              yield* Step.run("work", drain("inside"))
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* customs(runId), ["runlease.inbox", "runlease.step"])
      }),
    )
  })
}
