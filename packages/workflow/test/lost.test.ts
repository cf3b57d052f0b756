/**
 * Tests of workflows whose workers are lost, stopped, and replaced.
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Activity, DurableClock, DurableDeferred, Workflow } from "@effect/workflow"
import { Ids, type Run, Runs, StepRecord } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { Effect, Exit, Fiber, Layer, Schema, TestClock } from "effect"
import { RunleaseWorkflowEngine } from "../src/index.js"
import { controlPlanes, driven, start, untilStatus } from "./Engine.js"
import { count, Flags } from "./Workflows.js"
import * as Workers from "./Workers.js"

const { counted, untilFlag } = Workers

const options = { payload: { id: Schema.String }, idempotencyKey: ({ id }: { readonly id: string }) => id }

/** Counts that it has run, and hangs the first time where it is told to. */
const work = (name: string, hangs = false) =>
  Activity.make({
    name,
    success: Schema.Number,
    execute: Effect.flatMap(count(name), (n) => (hangs && n === 1 ? Effect.never : Effect.succeed(n))),
  })

class Refused extends Schema.TaggedError<Refused>("Refused")("Refused", { at: Schema.DateFromString }) {}

const Steps = Workflow.make({ name: "Steps", success: Schema.Array(Schema.Number), ...options })

const steps = Steps.toLayer(() => Effect.all([work("one"), work("two", true), work("three")]))

const Failing = Workflow.make({ name: "Failing", error: Refused, ...options })

/** Its last activity fails the first time. */
const failing = Failing.toLayer(() =>
  Effect.gen(function* () {
    yield* work("paid")
    yield* Activity.make({
      name: "shipped",
      error: Refused,
      execute: Effect.flatMap(count("shipped"), (n) =>
        n === 1 ? new Refused({ at: new Date(0) }) : Effect.void,
      ),
    })
  }),
)

const Undone = Workflow.make({ name: "Undone", error: Refused, ...options })

const undone = Undone.toLayer(() =>
  Effect.gen(function* () {
    yield* work("booked").pipe(
      Undone.withCompensation(() => Effect.asVoid(Effect.all([work("undo one"), work("undo two", true)]))),
    )
    return yield* new Refused({ at: new Date(0) })
  }),
)

const stopped = Undone.toLayer(() =>
  Effect.gen(function* () {
    yield* Undone.withCompensation(work("booked"), () => Effect.asVoid(work("undo one")))
    yield* work("hangs", true)
  }),
)

const Clocked = Workflow.make({ name: "Clocked", success: Schema.Number, ...options })

const clocked = Clocked.toLayer(() =>
  Effect.gen(function* () {
    yield* work("before")
    yield* DurableClock.sleep({ name: "two minutes", duration: "2 minutes" })
    return yield* work("after")
  }),
)

const Racing = Workflow.make({ name: "Racing", success: Schema.String, ...options })

const racing = Racing.toLayer(() =>
  Effect.gen(function* () {
    const flags = yield* Flags
    const slow = Effect.provideService(count("slow"), Flags, flags)
    return yield* Activity.raceAll("race", [
      Activity.make({
        name: "slow",
        success: Schema.String,
        error: Schema.Never,
        execute: Effect.flatMap(slow, (n) => (n === 1 ? Effect.never : Effect.succeed("slow"))),
      }),
      Activity.make({ name: "never", success: Schema.String, error: Schema.Never, execute: Effect.never }),
    ])
  }),
)

const Outer = Workflow.make({ name: "Outer", success: Schema.Number, ...options })
const Inner = Workflow.make({ name: "Inner", success: Schema.Number, ...options })

const nested = Layer.merge(
  Outer.toLayer(({ id }) => Effect.zipRight(work("outer"), Inner.execute({ id }))),
  Inner.toLayer(() => Effect.zipRight(work("inner", true), work("inner end"))),
)

const Patient = Workflow.make({ name: "Patient", success: Schema.Array(Schema.String), ...options })
const First = DurableDeferred.make("First", { success: Schema.String })
const Second = DurableDeferred.make("Second", { success: Schema.String })

/** Awaits two deferreds until one deadline, and the first of them twice. */
const patient = Patient.toLayer(() =>
  Effect.gen(function* () {
    const deadline = Effect.as(DurableClock.sleep({ name: "deadline", duration: "90 seconds" }), "late")
    const first = yield* Effect.race(DurableDeferred.await(First), deadline)
    const second = yield* Effect.race(DurableDeferred.await(Second), deadline)
    return [first, second, yield* DurableDeferred.await(First)]
  }),
)

const Branches = Workflow.make({ name: "Branches", ...options })

const branches = Branches.toLayer(() =>
  Effect.asVoid(
    Effect.all(
      [
        Effect.zipRight(
          Branches.withCompensation(work("a"), () => Effect.asVoid(work("undo a"))),
          Effect.zipRight(
            DurableDeferred.await(First),
            Branches.withCompensation(work("after a"), () => Effect.asVoid(work("undo after a"))),
          ),
        ),
        Effect.zipRight(
          Branches.withCompensation(work("b"), () => Effect.asVoid(work("undo b", true))),
          DurableClock.sleep({ name: "an hour", duration: "1 hour" }),
        ),
      ],
      { concurrency: "unbounded" },
    ),
  ),
)

const Within = Workflow.make({ name: "Within", success: Schema.Number, ...options })

/** An activity in another one, and once more after it. */
const within = Within.toLayer(() =>
  Effect.gen(function* () {
    yield* Activity.make({ name: "around", execute: Effect.asVoid(work("again")) })
    const last = yield* work("again")
    yield* work("hangs", true)
    return last
  }),
)

const Twice = Workflow.make({ name: "Twice", success: Schema.Array(Schema.Number), ...options })

const twice = Twice.toLayer(() =>
  Effect.all([work("same"), work("same"), work("same")], { concurrency: "unbounded" }),
)

const Misread = Workflow.make({ name: "Misread", ...options })

/** Reads the text that an activity has recorded as a number, and dies of it. */
const misread = Misread.toLayer(() =>
  Effect.gen(function* () {
    const text = yield* Activity.make({
      name: "read",
      success: Schema.String,
      execute: Effect.succeed("canary"),
    })
    yield* Effect.orDie(Schema.decodeUnknown(Schema.Struct({ count: Schema.Number }))({ count: text }))
  }),
)

const runIdOf = (executionId: string) => RunleaseWorkflowEngine.runIdOf(executionId) as Run.Run["runId"]

/** Lets the leases of a lost worker end. */
const lapse = TestClock.adjust("31 seconds")

for (const [name, ports] of controlPlanes) {
  describe(`A workflow over ${name}`, () => {
    const test = Workers.tester(ports)

    test(
      "does again the activity that has failed when its run is retried, and none before it",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* Workers.start(failing)
        const executionId = yield* Failing.executionId({ id: "failing" })
        yield* Effect.forkScoped(Failing.execute({ id: "failing" }))
        yield* untilStatus(executionId, "failed")
        const { run } = yield* runs.retry(Ids.RunId.make(RunleaseWorkflowEngine.runIdOf(executionId)))
        yield* TestRuns.eventually(runs.get(run.runId), ({ status }) => status === "completed")
        deepStrictEqual(yield* counted("paid", "shipped"), [1, 2])
      }),
    )

    test(
      "goes on behind its recorded activities where its worker is lost",
      Effect.gen(function* () {
        const ada = yield* Workers.start(steps)
        const fiber = yield* start(Steps.execute({ id: "1" }))
        yield* untilFlag("two")
        yield* ada.lose
        yield* lapse
        yield* Workers.start(steps)
        deepStrictEqual(yield* TestRuns.joinAdvancing(fiber), [1, 2, 1])
        deepStrictEqual(yield* counted("one", "two", "three"), [1, 2, 1])
      }),
    )

    test(
      "ends with the place of a value that does not fit a schema, and not with the value",
      Effect.gen(function* () {
        yield* Workers.start(misread)
        const executionId = yield* Misread.execute({ id: "1" }, { discard: true })
        yield* untilStatus(executionId, "failed")
        const run = yield* TestRuns.getRun(runIdOf(executionId))
        deepStrictEqual(run.error, { code: "ParseError", message: "`count` is no number" })
        const shown = yield* TestRuns.eventsOf(run.runId)
        const others = shown.filter((event) => !StepRecord.isReserved(event))
        assertTrue(!JSON.stringify([run, others]).includes("canary"), JSON.stringify([run, others]))
      }),
    )

    test(
      "goes on with its compensation where its worker is lost in it, and gives its error",
      Effect.gen(function* () {
        const ada = yield* Workers.start(undone)
        const fiber = yield* start(Effect.flip(Undone.execute({ id: "1" })))
        yield* untilFlag("undo two")
        yield* ada.lose
        yield* lapse
        yield* Workers.start(undone)
        deepStrictEqual(yield* TestRuns.joinAdvancing(fiber), new Refused({ at: new Date(0) }))
        deepStrictEqual(yield* counted("booked", "undo one", "undo two"), [1, 1, 2])
      }),
    )

    test(
      "does not compensate where its worker is stopped in an activity",
      Effect.gen(function* () {
        const ada = yield* Workers.start(stopped)
        const fiber = yield* start(Undone.execute({ id: "1" }))
        yield* untilFlag("hangs")
        yield* ada.stop
        yield* Workers.start(stopped)
        strictEqual(yield* TestRuns.joinAdvancing(fiber), undefined)
        deepStrictEqual(yield* counted("booked", "hangs", "undo one"), [1, 2, 0])
      }),
    )

    test(
      "sleeps without a worker, and no longer for a restart",
      Effect.gen(function* () {
        const ada = yield* Workers.start(clocked)
        const executionId = yield* Clocked.execute({ id: "1" }, { discard: true })
        yield* untilStatus(executionId, "waiting")
        yield* ada.stop
        yield* TestClock.adjust("1 minute")
        yield* Workers.start(clocked)
        yield* TestRuns.settle
        strictEqual((yield* TestRuns.getRun(runIdOf(executionId))).status, "waiting")
        yield* TestClock.adjust("1 minute")
        strictEqual(yield* driven(Clocked.execute({ id: "1" })), 1)
        deepStrictEqual(yield* counted("before", "after"), [1, 1])
      }),
    )

    test(
      "decides a race that its worker has not decided when it is stopped",
      Effect.gen(function* () {
        const ada = yield* Workers.start(racing)
        const fiber = yield* start(Racing.execute({ id: "1" }))
        yield* untilFlag("slow")
        yield* ada.stop
        yield* Workers.start(racing)
        strictEqual(yield* TestRuns.joinAdvancing(fiber), "slow")
      }),
    )

    test(
      "joins the workflow that it has called where the workers of both are lost",
      Effect.gen(function* () {
        const ada = yield* Workers.start(nested)
        const fiber = yield* start(Outer.execute({ id: "1" }))
        yield* untilFlag("inner")
        yield* ada.lose
        yield* lapse
        yield* Workers.start(nested)
        strictEqual(yield* TestRuns.joinAdvancing(fiber), 1)
        deepStrictEqual(yield* counted("outer", "inner", "inner end"), [1, 2, 1])
      }),
    )

    test(
      "waits for a workflow that another one has called",
      Effect.gen(function* () {
        yield* Workers.start(nested)
        const other = yield* start(Inner.execute({ id: "1" }))
        yield* untilFlag("inner")
        const flags = yield* Flags
        const fiber = yield* start(Outer.execute({ id: "1" }))
        const outerId = yield* Outer.executionId({ id: "1" })
        yield* untilStatus(outerId, "waiting")
        yield* Effect.flatMap(Runs.Runs, (runs) =>
          Effect.flatMap(Inner.executionId({ id: "1" }), (id) => runs.cancel(runIdOf(id))),
        )
        assertTrue(Exit.isInterrupted(yield* driven(Fiber.await(other))))
        assertTrue(Exit.isInterrupted(yield* driven(Fiber.await(fiber))))
        strictEqual(flags.get("inner end"), undefined)
      }),
    )

    test(
      "awaits a deferred again, and a clock that goes on",
      Effect.gen(function* () {
        yield* Workers.start(patient)
        const fiber = yield* start(Patient.execute({ id: "1" }))
        const executionId = yield* Patient.executionId({ id: "1" })
        yield* untilStatus(executionId, "waiting")
        const token = DurableDeferred.tokenFromExecutionId(First, { workflow: Patient, executionId })
        yield* DurableDeferred.done(First, { token, exit: Exit.succeed("first") })
        deepStrictEqual(yield* TestRuns.joinAdvancing(fiber), ["first", "late", "first"])
      }),
    )

    test(
      "is interrupted at the same place where its worker is lost in its compensation, whatever has come since",
      Effect.gen(function* () {
        const ada = yield* Workers.start(branches)
        const fiber = yield* start(Branches.execute({ id: "1" }))
        const executionId = yield* Branches.executionId({ id: "1" })
        yield* untilStatus(executionId, "waiting")
        yield* Branches.interrupt(executionId)
        yield* untilFlag("undo b")
        yield* ada.lose
        const token = DurableDeferred.tokenFromExecutionId(First, { workflow: Branches, executionId })
        yield* DurableDeferred.done(First, { token, exit: Exit.succeed("late") })
        yield* lapse
        yield* Workers.start(branches)
        assertTrue(Exit.isInterrupted(yield* driven(Fiber.await(fiber))))
        deepStrictEqual(yield* counted("a", "b", "after a"), [1, 1, 0])
        deepStrictEqual(yield* counted("undo a", "undo b", "undo after a"), [1, 2, 0])
      }),
    )

    test(
      "knows an activity by the one that it is in",
      Effect.gen(function* () {
        const ada = yield* Workers.start(within)
        const fiber = yield* start(Within.execute({ id: "1" }))
        yield* untilFlag("hangs")
        yield* ada.stop
        yield* Workers.start(within)
        strictEqual(yield* TestRuns.joinAdvancing(fiber), 2)
        deepStrictEqual(yield* counted("again", "hangs"), [2, 2])
      }),
    )

    test(
      "runs an activity once that it executes three times at once",
      Effect.gen(function* () {
        yield* Workers.start(twice)
        deepStrictEqual(yield* driven(Twice.execute({ id: "1" })), [1, 1, 1])
      }),
    )

    test(
      "ends at once, without compensation, where its run is cancelled",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* Workers.start(
          Undone.toLayer(() =>
            Effect.asVoid(
              Effect.zipRight(
                Undone.withCompensation(work("booked"), () => Effect.asVoid(work("undo one"))),
                DurableClock.sleep({ name: "an hour", duration: "1 hour" }),
              ),
            ),
          ),
        )
        const fiber = yield* start(Undone.execute({ id: "1" }))
        const executionId = yield* Undone.executionId({ id: "1" })
        yield* untilStatus(executionId, "waiting")
        yield* runs.cancel(runIdOf(executionId))
        assertTrue(Exit.isInterrupted(yield* driven(Fiber.await(fiber))))
        deepStrictEqual(yield* counted("booked", "undo one"), [1, 0])
      }),
    )

    test(
      "goes to a worker that has it",
      Effect.gen(function* () {
        yield* Workers.start(clocked)
        const executionId = yield* Twice.execute({ id: "1" }, { discard: true })
        yield* untilStatus(executionId, "pending")
        yield* Workers.start(twice, { agentIds: [RunleaseWorkflowEngine.agentIdOf(Twice)] })
        deepStrictEqual(yield* driven(Twice.execute({ id: "1" })), [1, 1, 1])
      }),
    )
  })
}
