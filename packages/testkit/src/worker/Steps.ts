/** Tests of steps, whose results later attempts get from the log: also steps that fail, and results that one event cannot hold. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  AgentEvent,
  Emit,
  Executor,
  Interrupts,
  RunLog,
  Runs,
  Step,
  StepRecord,
  WorkerRegistry,
} from "@runlease/core"
import { StepCodec } from "@runlease/core/executor"
import { Effect, Either, Exit, Option, Ref, Schedule, Schema, Scope } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, run, start, submit, until, untilStatus, untilSuspended } from "../TestWorker.js"
import { counting, customs, dyingBefore, textsOf } from "./StepRuns.js"

export const tests = (test: Declare): void => {
  test.describe("a step", () => {
    test.onEachStore(
      "is not run again by a later attempt, which gets its result",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* dyingBefore(3, () => Step.run("count", next))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        strictEqual(yield* count, 1)
        deepStrictEqual(yield* textsOf(runId), ["1"])
        deepStrictEqual(
          (yield* log(runId)).flatMap(({ stepName, type }) =>
            type.startsWith("STEP") ? [[type, stepName]] : [],
          ),
          [
            ["STEP_STARTED", "count"],
            ["STEP_FINISHED", "count"],
          ],
        )
      }),
    )

    test(
      "is in the log before its result is used",
      Effect.gen(function* () {
        const { next } = yield* counting
        yield* start(
          Executor.from((claimed) =>
            Effect.gen(function* () {
              yield* Step.run("count", next)
              const entries = yield* (yield* RunLog.RunLog).read({ runId: claimed.runId })
              return JSON.stringify(entries.some(({ event }) => event["name"] === "runlease.step"))
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["true"])
      }),
    )

    test(
      "does not wait for the time between two appends of its run",
      Effect.gen(function* () {
        const { next } = yield* counting
        yield* start(
          Executor.from((claimed) =>
            Effect.gen(function* () {
              yield* Emit.text("first")
              yield* until(run(claimed.runId), ({ latestSequence }) => latestSequence > 0)
              yield* Emit.text("second")
              return yield* Effect.map(Step.run("count", next), String)
            }),
          ),
          { appendLinger: "1 hour" },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["first", "second", "1"])
      }),
    )

    test(
      "gets its own result by its key, in whatever order and at once",
      Effect.gen(function* () {
        const all = ["a", "b", "c", "d"]
        yield* dyingBefore(2, ({ attempt }) =>
          Effect.forEach(
            attempt === 1 ? all : all.toReversed(),
            (key) => Step.run("upper", Effect.succeed(`${key}${attempt}`), { key }),
            { concurrency: attempt === 1 ? "unbounded" : 1 },
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), [JSON.stringify(["d1", "c1", "b1", "a1"])])
      }),
    )

    test(
      "differs from one of its name in another step, and its enclosing step is recorded too",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const outer = (name: string) => Step.run(name, Step.run("inner", next))
        yield* dyingBefore(2, () => Effect.all([outer("one"), outer("two")]))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        strictEqual(yield* count, 2)
        deepStrictEqual(yield* textsOf(runId), ["[1,2]"])
        strictEqual((yield* customs(runId)).filter((name) => name === "runlease.step").length, 4)
      }),
    )

    test(
      "is refused when the attempt has had one of its name and key",
      Effect.gen(function* () {
        const { next } = yield* counting
        const twice = Effect.zipRight(Step.run("count", next), Step.run("count", next))
        yield* start(Executor.from(() => Effect.asVoid(twice)))
        const { runId } = yield* submit()
        const { error } = yield* untilStatus(runId, "failed")
        strictEqual(error?.code, "step_duplicate")
      }),
    )

    test(
      "keeps a failure that has a schema, and not any other",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const failing = (name: string, options: Step.Options<never, string>) =>
          Effect.either(Step.run(name, Effect.zipRight(next, Effect.fail("no")), options))
        yield* dyingBefore(2, () =>
          Effect.all([failing("recorded", { failure: Schema.String }), failing("forgotten", {})]),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        strictEqual(yield* count, 3)
        deepStrictEqual(yield* textsOf(runId), [JSON.stringify([Either.left("no"), Either.left("no")])])
      }),
    )

    test(
      "retries its body within itself",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const third = Effect.filterOrFail(next, (n) => n === 3)
        yield* dyingBefore(2, () => Step.run("third", third, { retry: Schedule.recurs(5) }))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        strictEqual(yield* count, 3)
      }),
    )

    test(
      "encodes its result by its schema",
      Effect.gen(function* () {
        const when = new Date(0)
        yield* dyingBefore(2, () =>
          Effect.map(Step.run("date", Effect.succeed(when), { schema: Schema.Date }), (date) =>
            date.getTime(),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["0"])
      }),
    )

    test(
      "returns in each attempt what its record has, also in the one that ran it",
      Effect.gen(function* () {
        const odd = { none: undefined, nan: Number.NaN, list: [1] }
        const Code = Schema.Struct({ code: Schema.String })
        const coded = { code: "c", detail: "left out by the schema" }
        const results = yield* Ref.make<ReadonlyArray<unknown>>([])
        const take = (value: unknown) => Ref.update(results, (all) => [...all, value])
        yield* dyingBefore(2, () =>
          Effect.gen(function* () {
            yield* take([
              yield* Step.run("value", Effect.succeed(odd)),
              yield* Step.run("missing", Effect.succeed(Number.NaN)),
              yield* Step.run("coded", Effect.succeed<typeof Code.Type>(coded), { schema: Code }),
              yield* Step.atMostOnce("once", Effect.succeed(odd)),
              yield* Effect.flip(
                Step.run("failing", Effect.fail<typeof Code.Type>(coded), { failure: Code }),
              ),
            ])
          }),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        const read = { nan: null, list: [1] }
        const once = [read, null, { code: "c" }, read, { code: "c" }]
        deepStrictEqual(yield* Ref.get(results), [once, once])
      }),
    )

    test(
      "fails in a retryable way when its record does not fit its schema",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const changed = (attempt: number, options: Step.Options<number, never>) =>
          Step.run("n", next, { schema: attempt === 1 ? Schema.Number : Schema.NumberFromString, ...options })
        yield* dyingBefore(2, ({ attempt }) => changed(attempt, {}))
        const { runId } = yield* submit({ maxAttempts: 3 })
        const { attempt, error } = yield* untilStatus(runId, "failed")
        deepStrictEqual([attempt, error?.code, yield* count], [3, "step_unreadable", 1])
      }),
    )

    test.onEachStore(
      "goes to a worker of another version when its record does not fit its schema",
      Effect.gen(function* () {
        const versions: Array<string> = []
        const of = (version: string) =>
          Executor.from(() =>
            Effect.gen(function* () {
              versions.push(version)
              const schema = version === "1" ? Schema.Number : Schema.NumberFromString
              const value = yield* Step.run("n", Effect.succeed(1), { schema })
              return (yield* Interrupts.approve("go", { message: "Go?" })) ? String(value) : ""
            }),
          )
        const [registry, runs] = [yield* WorkerRegistry.WorkerRegistry, yield* Runs.Runs]
        const { runId } = yield* submit({ maxAttempts: 1 })
        const first = yield* Scope.make()
        yield* Scope.extend(start(of("1"), { workerKey: "worker", version: "1" }), first)
        yield* untilSuspended(runId)
        yield* Scope.close(first, Exit.void)

        // A worker of the first version is in contact, and claims nothing yet.
        yield* registry.register({ implementationKind: "test", workerKey: "worker", version: "1" })
        yield* start(of("2"), { workerKey: "worker", version: "2" })
        yield* runs.resume(runId, [{ interruptId: "go", status: "resolved", payload: { approved: true } }])
        yield* until(run(runId), ({ version }) => version === "1")
        deepStrictEqual([(yield* run(runId)).status, versions], ["pending", ["1", "2"]])
        yield* start(of("1"), { workerKey: "other", version: "1" })
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* textsOf(runId), versions], [["1"], ["1", "2", "1"]])
      }),
    )

    test(
      "runs again when its record does not fit its schema and `unreadable` is `rerun`",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* dyingBefore(3, ({ attempt }) =>
          attempt === 1
            ? Step.run<number | string, never, never>("n", next)
            : Step.run("n", Effect.map(next, String), { schema: Schema.String, unreadable: "rerun" }),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* count, yield* textsOf(runId)], [2, [JSON.stringify("2")]])
      }),
    )

    test(
      "is sealed by the program's codec, and read by one of the same name only",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const turned = (text: string) => Array.from(text).toReversed().join("")
        const codec = (name: string): StepCodec.Codec => ({
          name,
          seal: (json) => Effect.succeed(turned(json)),
          open: (sealed) => Effect.succeed(turned(sealed)),
        })
        const body = Step.run(
          "secret",
          Effect.map(next, (n) => `secret ${n}`),
        )
        yield* dyingBefore(3, ({ attempt }) =>
          Effect.provideService(
            attempt === 2 ? Effect.as(Effect.orDie(Effect.flip(body)), "unreadable") : body,
            StepCodec.StepCodec,
            codec(attempt === 2 ? "b" : "a"),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* count, yield* textsOf(runId)], [1, [JSON.stringify("secret 1")]])
        const written = JSON.stringify(
          yield* log(runId).pipe(
            Effect.map((events) => events.filter(({ name }) => name === "runlease.step")),
          ),
        )
        assertTrue(!written.includes("secret 1") && written.includes("1 terces"), written)
      }),
    )

    test(
      "passes its body a key that is the same in each attempt and for no other step",
      Effect.gen(function* () {
        const keys = yield* Ref.make<ReadonlyArray<string>>([])
        const body = Effect.flatMap(Step.CurrentStep, ({ idempotencyKey }) =>
          Ref.update(keys, (before) => [...before, idempotencyKey]),
        )
        yield* dyingBefore(2, ({ attempt }) =>
          Effect.zipRight(
            Effect.ignore(
              Step.run("a", Effect.zipRight(body, attempt === 1 ? Effect.fail("no") : Effect.void)),
            ),
            Step.run("b", body),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        const [first, second, third] = yield* Ref.get(keys)
        strictEqual(first, third)
        assertTrue(first !== second && /^[0-9a-f]{64}$/.test(first!))
      }),
    )
  })

  test.describe("a step", () => {
    test(
      "that fails says so in the log, with the message of an error and no other value, and one that was interrupted does not",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.all(
              [
                Effect.exit(Step.run("forgotten", Effect.fail(new Error("no network")))),
                Effect.exit(Step.run("recorded", Effect.fail("a value"), { failure: Schema.String })),
                Effect.exit(Step.run("defect", Effect.die(new Error("x".repeat(2000))))),
                Effect.exit(Step.run("too large", Effect.succeed("y".repeat(9 * 1024 * 1024)))),
                Effect.provideService(
                  Effect.exit(Step.run("sealed", Effect.fail("a secret"))),
                  StepCodec.StepCodec,
                  { name: "plain", seal: Effect.succeed, open: Effect.succeed },
                ),
                Effect.exit(Step.run("interrupted", Effect.interrupt)),
                Step.run("done", Effect.succeed(1)),
              ],
              { discard: true },
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        const ends = (yield* log(runId)).flatMap((event) =>
          event.type === "STEP_FINISHED" ? [[event["stepName"], event["error"]]] : [],
        )
        deepStrictEqual(ends, [
          ["forgotten", { message: "no network" }],
          ["recorded", {}],
          ["defect", { message: `${"x".repeat(1000)}…` }],
          [
            "too large",
            {
              message: "With the result of step too large those of the run are over 8 MiB of JSON",
              code: "step_too_large",
            },
          ],
          ["sealed", {}],
          ["interrupted", undefined],
          ["done", undefined],
        ])
      }),
    )
  })

  test.describe("a step with a large result", () => {
    test.onEachStore(
      "has it in several records, which a later attempt joins",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const large = pattern.repeat(Math.ceil((2 * mebibyte) / pattern.length))
        const same = yield* Ref.make<ReadonlyArray<boolean>>([])
        yield* dyingBefore(3, () =>
          Effect.gen(function* () {
            const [value] = yield* Effect.all([
              Step.run("large", Effect.as(next, large)),
              Step.run("small", next),
            ])
            yield* Ref.update(same, (all) => [...all, value === large])
          }),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* count, yield* Ref.get(same)], [2, [true, true, true]])
        const log = yield* RunLog.RunLog
        const records = recordsOf(yield* log.read({ runId, only: "records", limit: 2 }))
        const [first, second] = records
        deepStrictEqual([first?.part, second?.part, first?.name], [1, 2, "large"])
        assertTrue(first?.parts !== undefined && first.parts > 10 && first.record_id === second?.record_id)
      }),
    )

    test(
      "runs again when the worker died between two parts of it, which is no progress",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const dead = yield* TestRuns.hold(yield* TestRuns.register())
        const step_id = StepRecord.stepIdOf({ within: undefined, name: "large", key: undefined })
        const part = (number: number, result: string) =>
          AgentEvent.custom("runlease.step", {
            step_id,
            record_id: "r",
            name: "large",
            result,
            messages: ["m"],
            part: number,
            parts: 3,
          })
        yield* TestRuns.append(dead, [part(1, "4"), part(2, "2")])
        yield* TestRuns.lapse
        yield* start(
          Executor.from(({ attempt }) =>
            Effect.map(Step.run("large", next), (value) => JSON.stringify([attempt, value])),
          ),
        )
        yield* untilStatus(dead.runId, "completed")
        deepStrictEqual([yield* count, yield* textsOf(dead.runId)], [1, ["[2,1]"]])
      }),
    )

    test(
      "fails when the results of the run are over 8 MiB with it, those of earlier attempts included",
      Effect.gen(function* () {
        const attempts = yield* Ref.make(0)
        const large = "x".repeat(5 * mebibyte)
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const attempt = yield* Ref.updateAndGet(attempts, (n) => n + 1)
              yield* Step.run("first", Effect.succeed(large))
              if (attempt === 1) return yield* Effect.fail(Executor.retryableError("died", "again"))
              yield* Step.run("second", Effect.succeed(large))
            }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        const { error } = yield* untilStatus(runId, "failed")
        strictEqual(error?.code, "step_too_large", JSON.stringify(error))
      }),
    )
  })
}

const mebibyte = 1024 * 1024

/** Characters of each size in JSON, in an order that puts each of them at the edge of some part. */
const pattern = 'ab"\\c\n\u0001é€\u{1F600}\ud800x'

const recordsOf = (entries: ReadonlyArray<RunLog.LogEntry>) =>
  entries.flatMap(({ event }) => Option.toArray(StepRecord.fromEvent(event)).map(({ record }) => record))
