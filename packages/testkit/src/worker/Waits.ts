/** Tests of sleeps, and of questions next to other waits and to steps in flight. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Child, Executor, Inbox, Interrupts, Run, RunLog, Runs, Step } from "@runlease/core"
import { DateTime, Deferred, Effect, Ref, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import * as TestWorker from "../TestWorker.js"
import { type Declare, run, start, submit, until, untilStatus } from "../TestWorker.js"
import { answered, nameIn, resolved, untilWaitsFor } from "./Questions.js"
import { counting, customs, textsOf } from "./StepRuns.js"

type RunId = Run.Run["runId"]

/** Waits until the run has recorded this many sleeps. */
const untilAsleep = (runId: RunId, count = 1) =>
  until(customs(runId), (names) => names.filter((name) => name === "runlease.sleep").length === count)

/** Waits until the run holds no worker. */
const untilSuspended = (runId: RunId, sleeps = 1) =>
  Effect.zipRight(untilAsleep(runId, sleeps), TestWorker.untilSuspended(runId))

/** Longer than half a lease, and milliseconds. */
const minute = 60_000

export const tests = (test: Declare): void => {
  test.describe("a run that sleeps", () => {
    test.onEachStore(
      "holds no slot and no lease meanwhile, and repeats no step after it",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const attempts = yield* Ref.make<ReadonlyArray<number>>([])
        yield* start(
          Executor.from(({ agentId, attempt }) =>
            Effect.gen(function* () {
              if (agentId === "other") return "done"
              yield* Ref.update(attempts, (all) => [...all, attempt])
              const counted = yield* Step.run("before", next)
              yield* Step.sleep("pause", "1 minute")
              return `${counted} then ${yield* Step.run("after", next)}`
            }),
          ),
          { concurrency: 1 },
        )
        const { runId } = yield* submit({ maxAttempts: 1 })
        const { attempt, lease, waiting } = yield* untilSuspended(runId)
        deepStrictEqual([attempt, lease, waiting?.interrupts], [0, null, []])
        const other = yield* submit({ agentId: "other" })
        yield* untilStatus(other.runId, "completed")

        yield* TestClock.adjust(minute - 10_000)
        strictEqual((yield* run(runId)).status, "waiting")
        yield* TestClock.adjust(10_000)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["1 then 2"])
        deepStrictEqual([yield* count, yield* Ref.get(attempts)], [2, [1, 1]])
        deepStrictEqual(yield* customs(runId), [
          "runlease.step",
          "runlease.sleep",
          "runlease.waiting",
          "runlease.step",
        ])
      }),
    )

    test(
      "sleeps for the first duration, whatever later code returns",
      Effect.gen(function* () {
        const attempts = yield* Ref.make(0)
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const attempt = yield* Ref.updateAndGet(attempts, (n) => n + 1)
              yield* Step.sleep("pause", attempt === 1 ? "1 minute" : "10 minutes")
              return `attempt ${attempt}`
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* untilSuspended(runId)
        yield* TestClock.adjust(minute)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["attempt 2"])
      }),
    )

    test(
      "stays in its worker when that is over within half a lease",
      Effect.gen(function* () {
        yield* start(Executor.from(() => Effect.as(Step.sleep("pause", "10 seconds"), "done")))
        const { runId } = yield* submit()
        yield* untilAsleep(runId)
        yield* TestRuns.settle
        yield* TestClock.adjust("9 seconds")
        yield* TestRuns.settle
        strictEqual((yield* run(runId)).status, "running")
        yield* TestRuns.eventually(run(runId), ({ status }) => status === "completed")
        deepStrictEqual(yield* customs(runId), ["runlease.sleep"])
      }),
    )

    test(
      "is not suspended while a step of it is in flight, and is afterwards",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const gate = yield* Deferred.make<void>()
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.all(
                [
                  Step.sleep("pause", "1 minute"),
                  Step.run("work", Effect.zipRight(next, Deferred.await(gate))),
                ],
                { concurrency: "unbounded" },
              ),
              () => "done",
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilAsleep(runId)
        yield* until(count, (n) => n === 1)
        yield* TestRuns.settle
        yield* TestClock.adjust("1 second")
        yield* TestRuns.settle
        strictEqual((yield* run(runId)).status, "running")
        yield* Deferred.succeed(gate, undefined)
        yield* until(customs(runId), (names) => names.includes("runlease.step"))
        yield* untilSuspended(runId)
        yield* TestClock.adjust(minute)
        yield* untilStatus(runId, "completed")
        strictEqual(yield* count, 1)
      }),
    )

    test(
      "is suspended in the middle of a step that itself sleeps, whose inner steps are not repeated",
      Effect.gen(function* () {
        const outer = yield* counting
        const inner = yield* counting
        yield* start(
          Executor.from(() =>
            Step.run(
              "outer",
              outer.next.pipe(
                Effect.zipRight(Step.run("inner", inner.next)),
                Effect.zipLeft(Step.sleep("pause", "1 minute")),
                Effect.map(String),
              ),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilSuspended(runId)
        yield* TestClock.adjust(minute)
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* outer.count, yield* inner.count], [2, 1])
        deepStrictEqual(yield* textsOf(runId), ["1"])
      }),
    )

    test(
      "resumes behind the first of its sleeps that ends, and is suspended again for the others",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.forEach(
                [1, 2],
                (minutes) =>
                  Effect.zipRight(
                    Step.sleep("pause", minutes * minute, { key: minutes }),
                    Step.run("after", next, { key: minutes }),
                  ),
                { concurrency: "unbounded" },
              ),
              (all) => all.join(),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilSuspended(runId, 2)
        yield* TestClock.adjust(minute)
        yield* until(count, (n) => n === 1)
        yield* until(customs(runId), (names) => names.includes("runlease.step"))
        yield* untilSuspended(runId, 2)
        yield* TestClock.adjust(minute)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["1,2"])
      }),
    )

    test(
      "is cancelled at once",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* start(Executor.from(() => Effect.as(Step.sleep("pause", "1 minute"), "never")))
        const { runId } = yield* submit()
        yield* untilSuspended(runId)
        strictEqual((yield* runs.cancel(runId)).run.status, "cancelled")
        yield* TestClock.adjust(minute)
        strictEqual((yield* run(runId)).status, "cancelled")
      }),
    )

    test(
      "resumes at once when the time it sleeps until has passed, and cannot sleep for ever",
      Effect.gen(function* () {
        yield* start(
          Executor.from(({ agentId }) =>
            agentId === "past"
              ? Effect.as(Step.sleepUntil("pause", DateTime.unsafeMake(0)), "done")
              : Effect.as(Step.sleep("pause", "4000 days"), "never"),
          ),
        )
        const past = yield* submit({ agentId: "past" })
        yield* untilStatus(past.runId, "completed")
        const { runId } = yield* submit()
        const { error } = yield* untilStatus(runId, "failed")
        strictEqual(error?.code, "step_too_long")
        assertTrue(!(yield* customs(runId)).includes("runlease.sleep"))
      }),
    )
  })

  test.describe("a run that poses a question next to something else", () => {
    test(
      "ends and records the step of another fiber before it is suspended, and does not repeat it",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const gate = yield* Deferred.make<void>()
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.all([approve(), Step.run("work", Effect.zipLeft(next, Deferred.await(gate)))], atOnce),
              (both) => both.join(),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* until(count, (n) => n === 1)
        yield* TestRuns.settle
        yield* TestClock.adjust("1 second")
        yield* TestRuns.settle
        strictEqual((yield* run(runId)).status, "running")
        yield* Deferred.succeed(gate, undefined)
        yield* untilWaitsFor(runId, "deploy")
        deepStrictEqual(yield* customs(runId), ["runlease.step"])
        yield* answered(runId, "deploy", true)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["approved,1"])
        strictEqual(yield* count, 1)
      }),
    )

    const patient = Executor.from(() =>
      Effect.gen(function* () {
        const decision = yield* Step.run(
          "decision",
          Effect.race(approve(), Effect.as(Step.sleep("patience", "10 seconds"), "not answered")),
        )
        yield* Step.sleep("later", "40 seconds")
        return decision
      }),
    )

    test.onEachStore(
      "continues without an answer when a sleep ends first, and takes none after that",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* start(patient)
        const { runId } = yield* submit()
        const { waiting } = yield* untilWaitsFor(runId, "deploy")
        assertTrue(waiting?.wakesAt !== undefined)
        yield* TestClock.adjust("10 seconds")
        yield* untilWaitsFor(runId)
        const late = runs.resume(runId, [resolved(waiting!.interrupts[0]!.id, true)])
        strictEqual(yield* TestRuns.verdictOf(late), "NotWaiting")
        yield* TestClock.adjust("40 seconds")
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["not answered"])
        deepStrictEqual(yield* questionsOf(runId), ["deploy"])
      }),
    )

    test(
      "continues with the answer when that comes first, whatever the sleep does later",
      Effect.gen(function* () {
        yield* start(patient)
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "deploy")
        yield* answered(runId, "deploy", true)
        yield* untilWaitsFor(runId)
        yield* TestClock.adjust("40 seconds")
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["approved"])
      }),
    )

    const asksAgain = Effect.gen(function* () {
      const { count, next } = yield* counting
      yield* start(
        Executor.from(() =>
          Effect.map(
            Effect.all(
              [
                approve("a"),
                approve("b"),
                Effect.zipRight(Step.sleep("pause", "10 seconds"), Step.run("remind", next)),
              ],
              atOnce,
            ),
            (all) => all.join(),
          ),
        ),
      )
      const { runId } = yield* submit()
      yield* untilWaitsFor(runId, "a", "b")
      yield* answered(runId, "a", true)
      yield* TestClock.adjust("10 seconds")
      yield* untilWaitsFor(runId, "b")
      strictEqual(yield* count, 1)
      deepStrictEqual(yield* questionsOf(runId), ["a b", "b"])
      yield* answered(runId, "b", false)
      yield* TestRuns.eventually(run(runId), ({ status }) => status === "completed", { step: "50 millis" })
      deepStrictEqual(yield* textsOf(runId), ["approved,declined,1"])
      strictEqual(yield* count, 1)
    })

    test("poses what is still open again after a sleep, and keeps the answers that it has", asksAgain)

    test("is not suspended while it reads the records of earlier attempts", asksAgain, withSlowRecords)

    /** A run that waits for an answer and for a child. A message to the child ends it. */
    const waitingFor = <A, E>(
      joined: (child: Child.ChildRef<string, never>) => Effect.Effect<A, E, Executor.RunContext>,
    ) =>
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* start(
          Executor.from((claimed) =>
            claimed.agentId === "child"
              ? Effect.as(Inbox.take("go"), "ended")
              : Effect.gen(function* () {
                  const child = yield* Child.spawn("child", Agent.make({ name: "child" }), "hi")
                  const [answer, ended] = yield* Effect.all(
                    [approve(), Effect.zipRight(joined(child), Step.run("joined", Effect.succeed("joined")))],
                    atOnce,
                  )
                  return `${answer},${ended}`
                }),
          ),
        )
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "deploy")
        const child = Effect.map(runs.list({ parentRunId: runId }), ({ items }) => items[0]!)
        const sent = runs.tell((yield* child).runId, { parts: [{ type: "text", text: "go" }] })
        const endChild = Effect.zipRight(
          sent,
          until(child, ({ status }) => status === "completed"),
        )
        return { endChild, runId }
      })
    const waitingFamily = waitingFor(Child.join)

    test(
      "resumes behind a join when the child ends first, and asks again",
      Effect.gen(function* () {
        const { endChild, runId } = yield* waitingFamily
        yield* endChild
        yield* until(customs(runId), (names) => names.includes("runlease.step"))
        yield* untilWaitsFor(runId, "deploy")
        deepStrictEqual(yield* questionsOf(runId), ["deploy", "deploy"])
        yield* answered(runId, "deploy", true)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["approved,joined"])
      }),
    )

    test(
      "resumes behind the first of children to end, however long it takes to look at that child",
      Effect.gen(function* () {
        const { endChild, runId } = yield* waitingFor((child) => Child.joinFirst("first", [child]))
        yield* endChild
        yield* TestRuns.eventually(questionsOf(runId), (questions) => questions.length === 2, {
          step: "10 millis",
        })
        deepStrictEqual(yield* customs(runId), [
          "runlease.child",
          "runlease.child",
          "runlease.step",
          "runlease.step",
        ])
      }),
      withSlowChildren,
    )

    test(
      "resumes behind the question when the answer comes first, and waits for the child alone",
      Effect.gen(function* () {
        const { endChild, runId } = yield* waitingFamily
        yield* answered(runId, "deploy", true)
        yield* untilWaitsFor(runId)
        yield* endChild
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["approved,joined"])
      }),
    )

    test(
      "continues with a message that it waits for, and shows no question that it need not ask",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* start(
          Executor.from(() =>
            Step.run("decision", Effect.race(approve(), Effect.as(Inbox.take("message"), "another message"))),
          ),
        )
        const send = (runId: Run.Run["runId"]) =>
          runs.tell(runId, { parts: [{ type: "text", text: "no need" }] })
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "deploy")
        yield* send(runId)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["another message"])
        const other = yield* submit({ concurrencyKey: "lane" })
        yield* send(other.runId)
        yield* untilStatus(other.runId, "completed")
        deepStrictEqual(yield* questionsOf(other.runId), [])
      }),
    )
  })
}

const atOnce = { concurrency: "unbounded" } as const

const approve = (name = "deploy") =>
  Effect.map(Interrupts.approve(name, { message: "May I?" }), (yes) => (yes ? "approved" : "declined"))

/** The ids of the questions that the run waits for, in the order of its log. */
const questionsOf = (runId: Run.Run["runId"]) =>
  Effect.map(TestRuns.eventsOf(runId), (events) =>
    events.flatMap((event) => {
      if (TestRuns.outcomeOf(event) !== "interrupt") return []
      const { interrupts } = event["outcome"] as {
        readonly interrupts: ReadonlyArray<{ readonly id: string }>
      }
      return [interrupts.map(({ id }) => nameIn(id)).join(" ")]
    }),
  )

/** To read the records of a log takes a while. */
const withSlowRecords = Faults.over(RunLog.RunLog, (log) => ({
  ...log,
  read: (options) =>
    options.only === "records" ? Effect.delay(log.read(options), "200 millis") : log.read(options),
}))

/** To look at a child takes a while once it has ended. */
const withSlowChildren = Faults.over(Runs.Runs, (runs) => ({
  ...runs,
  get: (runId) =>
    Effect.tap(runs.get(runId), ({ parentRunId, status }) =>
      parentRunId !== null && status === "completed" ? Effect.sleep("200 millis") : Effect.void,
    ),
}))
