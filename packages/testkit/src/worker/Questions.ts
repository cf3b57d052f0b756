/** Tests of questions and interrupts, for which a run is suspended once nothing of it is in flight, and of their answers. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, Interrupt, Interrupts, Run, Runs, Step } from "@runlease/core"
import { DateTime, Effect, Exit, Schema, Scope, Stream, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, run, start, submit, until, untilStatus, untilSuspended } from "../TestWorker.js"
import { textsOf } from "./StepRuns.js"

type RunId = Run.Run["runId"]

export const resolved = (interruptId: string, payload: unknown): Interrupt.Answer => ({
  interruptId,
  status: "resolved",
  payload,
})

/** The name of a question, as the id of its interrupt has it: a hash follows the name of one inside a step. */
export const nameIn = (id: string): string => id.split(":", 1)[0]!

/** Waits until the run is suspended for the questions of these names. */
export const untilWaitsFor = (runId: RunId, ...names: ReadonlyArray<string>) =>
  TestRuns.eventually(
    run(runId),
    ({ waiting }) => waiting?.interrupts.map(({ id }) => nameIn(id)).join(" ") === names.join(" "),
    { step: "50 millis", within: "2 seconds" },
  )

/** Answers the open question of that name. */
export const answered = (runId: RunId, name: string, payload: unknown) =>
  Effect.gen(function* () {
    const { waiting } = yield* run(runId)
    const question = waiting?.interrupts.find(({ id }) => nameIn(id) === name)
    return yield* (yield* Runs.Runs).resume(runId, [resolved(question?.id ?? name, payload)])
  })

export const tests = (test: Declare): void => {
  test.describe("a run that asks a question", () => {
    const deploying = Executor.from(() =>
      Effect.map(Interrupts.approve("deploy", { message: "Deploy?" }), (yes) =>
        yes ? "deployed" : "left alone",
      ),
    )

    test.onEachStore(
      "continues with a yes or a no, and leaves its worker free until then",
      Effect.gen(function* () {
        const worker = yield* start(deploying, { concurrency: 1 })
        const runs = yield* Runs.Runs
        const first = yield* submit()
        const waiting = yield* untilSuspended(first.runId)
        deepStrictEqual(waiting.waiting?.interrupts, [
          {
            id: "deploy",
            reason: "confirmation",
            message: "Deploy?",
            responseSchema: {
              type: "object",
              properties: { approved: { type: "boolean" }, reason: { type: "string" } },
              required: ["approved"],
            },
          },
        ])
        const second = yield* submit()
        yield* untilSuspended(second.runId)
        yield* until(worker.inFlight, ({ length }) => length === 0)
        yield* runs.resume(first.runId, [resolved("deploy", { approved: true })])
        yield* runs.resume(second.runId, [{ interruptId: "deploy", status: "cancelled" }])
        yield* untilStatus(first.runId, "completed")
        yield* untilStatus(second.runId, "completed")
        deepStrictEqual(yield* textsOf(first.runId), ["deployed"])
        deepStrictEqual(yield* textsOf(second.runId), ["left alone"])
      }),
    )

    test(
      "continues with what a person has edited, and asks again for edits that the schema of its question refuses",
      Effect.gen(function* () {
        const Refund = Schema.Struct({ euros: Schema.NumberFromString.pipe(Schema.lessThanOrEqualTo(40)) })
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const question = { message: "Refund?", about: { euros: 40 }, editable: Refund }
              const first = yield* Interrupts.approve("first", question)
              const second = yield* Interrupts.decide("second", question)
              return `${first.value.euros + 1} ${first.edited}, ${second.approved} ${second.value.euros} ${second.reason}`
            }),
          ),
        )
        const runs = yield* Runs.Runs
        const { runId } = yield* submit()
        const [first] = (yield* untilSuspended(runId)).waiting!.interrupts
        deepStrictEqual(first?.metadata, { about: { euros: "40" } })
        yield* runs.resume(runId, [resolved("first", { approved: true, editedArgs: { euros: "50" } })])
        yield* untilWaitsFor(runId, "first~2")
        yield* runs.resume(runId, [resolved("first~2", { approved: true, editedArgs: { euros: "30" } })])
        yield* untilWaitsFor(runId, "second")
        yield* runs.resume(runId, [resolved("second", { approved: false, reason: "Ask Ann" })])
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["31 true, false 40 Ask Ann"])
      }),
    )

    test(
      "may ask one question after another, or several at once, and gets every answer",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const name = yield* Interrupts.ask("name", { message: "Who?" })
              const { colour, size } = yield* Interrupts.askAll({
                size: { message: "How large?", schema: Schema.Int },
                colour: { message: "Which colour?" },
              })
              return `${name} ${size + 1} ${colour}`
            }),
          ),
        )
        const runs = yield* Runs.Runs
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "name")
        yield* runs.resume(runId, [resolved("name", "Ann")])
        yield* untilWaitsFor(runId, "size", "colour")
        yield* runs.resume(runId, [resolved("colour", "red")])
        yield* runs.resume(runId, [resolved("size", 3)])
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["Ann 4 red"])
      }),
    )

    test.onEachStore(
      "continues in another worker, with the session that the first worker recorded",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const executing = (name: string) =>
          Executor.from((claimed) =>
            Effect.gen(function* () {
              const lease = TestRuns.leaseOf(claimed)
              if (claimed.session === null) yield* runs.recordSession(lease, { sessionKey: `of ${name}` })
              const answer = yield* Interrupts.ask("q", { message: "Well?" })
              return `${name} goes on with the session ${claimed.session?.sessionKey}: ${answer}`
            }),
          )
        const gone = yield* Scope.make()
        yield* Scope.extend(start(executing("first"), { workerKey: "first" }), gone)
        const { runId } = yield* submit()
        yield* untilSuspended(runId)
        yield* Scope.close(gone, Exit.void)
        yield* TestClock.adjust("1 minute")
        strictEqual((yield* run(runId)).status, "waiting")
        yield* runs.resume(runId, [resolved("q", "yes")])
        yield* start(executing("second"), { workerKey: "second" })
        yield* until(
          Effect.zipRight(TestClock.adjust("100 millis"), run(runId)),
          (current) => current.status === "completed",
        )
        deepStrictEqual(yield* textsOf(runId), ["second goes on with the session of first: yes"])
      }),
    )

    test(
      "asks the questions of all its fibers at once",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.forEach(["size", "colour"], (name) => Interrupts.ask(name, { message: "Which?" }), {
                concurrency: "unbounded",
              }),
              (answers) => answers.join(" "),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "size", "colour")
        deepStrictEqual(
          (yield* TestRuns.typesOf(runId)).filter((type) => type.startsWith("RUN_")),
          ["RUN_STARTED", "RUN_FINISHED"],
        )
        yield* answered(runId, "colour", "red")
        strictEqual((yield* run(runId)).status, "waiting")
        yield* answered(runId, "size", "3")
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["3 red"])
      }),
    )

    test(
      "waits for each answer as long as its question says",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.as(
              Effect.all(
                [
                  Interrupts.approve("soon", { message: "Soon?", expiresAfter: "10 seconds" }),
                  Interrupts.approve("later", { message: "Later?", expiresAfter: "30 seconds" }),
                  Interrupts.approve("ever", { message: "Ever?" }),
                ],
                { concurrency: "unbounded" },
              ),
              "answered",
            ),
          ),
        )
        const { runId } = yield* submit()
        const { waiting } = yield* untilWaitsFor(runId, "soon", "later", "ever")
        const [soon, later, ever] = waiting!.interrupts.map(({ expiresAt }) => expiresAt)
        deepStrictEqual(waiting!.expiresAt, soon)
        deepStrictEqual(later, DateTime.add(soon!, { seconds: 20 }))
        strictEqual(ever, undefined)
        yield* answered(runId, "soon", true)
        yield* TestClock.adjust("15 seconds")
        strictEqual((yield* run(runId)).status, "waiting")
        yield* TestClock.adjust("15 seconds")
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "wait_expired")
      }),
    )

    test(
      "asks the questions that one suspension has no room for when the others are answered",
      Effect.gen(function* () {
        const message = "m".repeat(100_000)
        const runs = yield* Runs.Runs
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.forEach(
                ["a", "b", "c"],
                (name) => Interrupts.ask(name, { message, schema: Schema.Int }),
                { concurrency: "unbounded" },
              ),
              (answers) => answers.join(" "),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "a", "b")
        yield* runs.resume(runId, [resolved("a", 1), resolved("b", 2)])
        yield* untilWaitsFor(runId, "c")
        yield* answered(runId, "c", 3)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["1 2 3"])
      }),
    )

    test(
      "fails when one attempt asks one question twice, also when the first has its answer",
      Effect.gen(function* () {
        yield* start(
          Executor.from((claimed) => {
            const asking = Interrupts.approve("deploy", { message: "Deploy?" })
            return Effect.as(
              Effect.all([asking, asking], claimed.agentId === "at once" ? { concurrency: 2 } : {}),
              "deployed twice",
            )
          }),
        )
        const atOnce = yield* submit({ agentId: "at once" })
        strictEqual((yield* untilStatus(atOnce.runId, "failed")).error?.code, "step_duplicate")
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "deploy")
        yield* answered(runId, "deploy", true)
        const { error } = yield* untilStatus(runId, "failed")
        strictEqual(error?.code, "step_duplicate")
        assertTrue(error!.message.includes("deploy"))
      }),
    )

    test(
      "cannot ask inside a step that happens at most once",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.as(
              Step.atMostOnce("deploy", Interrupts.approve("sure", { message: "Sure?" })),
              "deployed",
            ),
          ),
        )
        const { runId } = yield* submit()
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "step_nested")
      }),
    )
  })

  test.describe("a question with a name", () => {
    test(
      "distinguishes questions of one name by their keys",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.forEach([1, 2], (key) => Interrupts.ask("page", { message: `Page ${key}?`, key }), {
                concurrency: "unbounded",
              }),
              (answers) => answers.join(),
            ),
          ),
        )
        const { runId } = yield* submit()
        const { waiting } = yield* untilWaitsFor(runId, "page", "page")
        const [first, second] = waiting!.interrupts
        yield* Effect.flatMap(Runs.Runs, (runs) =>
          runs.resume(runId, [resolved(first!.id, "one"), resolved(second!.id, "two")]),
        )
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["one,two"])
      }),
    )

    test(
      "shows what its question is about, and returns the reason of a refusal",
      Effect.gen(function* () {
        const about = { amount: "900 EUR", diff: "-a\n+b", when: new Date(0) }
        yield* start(
          Executor.from(() =>
            Effect.map(Interrupts.decide("refund", { message: "Refund it?", about }), JSON.stringify),
          ),
        )
        const { runId } = yield* submit()
        const { waiting } = yield* untilWaitsFor(runId, "refund")
        const shown = { about: { ...about, when: "1970-01-01T00:00:00.000Z" } }
        deepStrictEqual(waiting!.interrupts[0]!.metadata, shown)
        const outcome = (yield* log(runId)).findLast(({ type }) => type === "RUN_FINISHED")?.["outcome"]
        deepStrictEqual(
          (outcome as { readonly interrupts: ReadonlyArray<unknown> }).interrupts.map(
            (interrupt) => (interrupt as { readonly metadata: unknown }).metadata,
          ),
          [shown],
        )
        yield* answered(runId, "refund", { approved: false, reason: "Too much" })
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ['{"approved":false,"reason":"Too much"}'])
      }),
    )

    test(
      "asks again when an answer does not fit, with the reason and without the answer",
      Effect.gen(function* () {
        const schema = Schema.Struct({ city: Schema.String, floor: Schema.Int })
        yield* start(
          Executor.from(() =>
            Effect.map(Interrupts.ask("address", { message: "Where to?", schema }), ({ city, floor }) =>
              [city, floor].join(),
            ),
          ),
        )
        const runs = yield* Runs.Runs
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "address")
        yield* runs.resume(runId, [resolved("address", { city: "Lisbon", floor: "third" })])
        const { waiting } = yield* untilWaitsFor(runId, "address~2")
        strictEqual(
          waiting!.interrupts[0]!.message,
          "Where to? (The answer before does not fit: `floor` is no number)",
        )
        yield* runs.resume(runId, [resolved("address~2", { floor: 3 })])
        const last = (yield* untilWaitsFor(runId, "address~3")).waiting!.interrupts[0]!
        strictEqual(last.message, "Where to? (The answer before does not fit: `city` is missing)")
        yield* runs.resume(runId, [resolved("address~3", { city: "Lisbon", floor: 3 })])
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["Lisbon,3"])
      }),
    )

    test(
      "fails with Declined where a person does not answer, and may go on without an answer",
      Effect.gen(function* () {
        const asking = Interrupts.ask("name", { message: "Who?" })
        yield* start(
          Executor.from(({ agentId }) =>
            agentId === "patient"
              ? Effect.catchTag(asking, "Declined", ({ question }) => Effect.succeed(`no ${question}`))
              : asking,
          ),
        )
        const runs = yield* Runs.Runs
        const patient = yield* submit({ agentId: "patient" })
        const strict = yield* submit()
        for (const { runId } of [patient, strict]) {
          yield* untilWaitsFor(runId, "name")
          yield* runs.resume(runId, [{ interruptId: "name", status: "cancelled" }])
        }
        yield* untilStatus(patient.runId, "completed")
        deepStrictEqual(yield* textsOf(patient.runId), ["no name"])
        const { error } = yield* untilStatus(strict.runId, "failed")
        deepStrictEqual([error?.code, error?.message], ["Declined", "The question name was declined"])
      }),
    )
  })

  test.describe("a run that waits for a tool result", () => {
    test.onEachStore(
      "frees the worker, and continues with the answer in its snapshot",
      Effect.gen(function* () {
        const worker = yield* start((claimed) => {
          const answer = claimed.snapshot.messages
            .flatMap((message) => message.parts)
            .find((part) => part.type === "tool_result")
          return answer === undefined
            ? Stream.fail(Executor.awaitToolResult("call-1", "ask"))
            : Executor.from(() => Effect.succeed(`the answer is ${String(answer["result"])}`))(claimed)
        })
        const { runId } = yield* submit()
        const waiting = yield* untilStatus(runId, "waiting")
        deepStrictEqual(waiting.waiting?.interrupts, [Interrupt.ofToolCall("call-1", "ask")])
        yield* until(worker.inFlight, ({ length }) => length === 0)
        const runs = yield* Runs.Runs
        yield* runs.resume(runId, TestRuns.resultOf("call-1", "yes"))
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* resumedText(runId), ["the answer is yes"])
      }),
    )

    test.onEachStore(
      "fails when the result does not arrive within the time that the executor set",
      Effect.gen(function* () {
        const [soon, later] = [yield* TestRuns.after("10 seconds"), yield* TestRuns.after("20 seconds")]
        const interrupt = ({ conversationId, runId }: Run.ClaimedRun): AgentEvent.LogEvent => ({
          type: "RUN_FINISHED",
          threadId: conversationId,
          runId,
          outcome: {
            type: "interrupt",
            interrupts: [{ id: "call-2", reason: "confirm", expiresAt: DateTime.formatIso(later) }],
          },
        })
        yield* start((claimed) =>
          claimed.agentId === "awaits"
            ? Stream.fail(Executor.awaitToolResult("call-1", "ask", "10 seconds"))
            : Stream.make(interrupt(claimed)),
        )
        const awaits = yield* submit({ agentId: "awaits" })
        const interrupts = yield* submit({ agentId: "interrupts" })
        const endOf = (run: Run.Run) => run.waiting?.expiresAt
        deepStrictEqual(endOf(yield* untilStatus(awaits.runId, "waiting")), soon)
        deepStrictEqual(endOf(yield* untilStatus(interrupts.runId, "waiting")), later)
        yield* TestClock.adjust("10 seconds")
        strictEqual((yield* untilStatus(awaits.runId, "failed")).error?.code, "wait_expired")
        strictEqual((yield* run(interrupts.runId)).status, "waiting")
        yield* TestClock.adjust("10 seconds")
        strictEqual((yield* untilStatus(interrupts.runId, "failed")).error?.code, "wait_expired")
      }),
    )
  })

  test.describe("a RUN_FINISHED by the executor", () => {
    test(
      "suspends the run for all of its interrupts",
      Effect.gen(function* () {
        const expiresAt = DateTime.formatIso(yield* TestRuns.after("1 hour"))
        const interrupts = [
          { id: "a", reason: "confirmation", message: "Sure?", metadata: { deep: { er: [1] } } },
          {
            id: "b",
            reason: "tool_call",
            toolCallId: "call",
            responseSchema: { type: "string" },
            expiresAt,
            message: null,
          },
        ]
        yield* start(finishing({ outcome: { type: "interrupt", interrupts } }))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "waiting")
        const { message: _, ...second } = interrupts[1]!
        deepStrictEqual((yield* log(runId)).at(-1)?.["outcome"], {
          type: "interrupt",
          interrupts: [interrupts[0], second],
        })
      }),
    )

    const wrong: ReadonlyArray<readonly [string, unknown]> = [
      ["no interrupts", undefined],
      ["an empty list", []],
      ["no list", "yes"],
      ["an interrupt without id", [{ reason: "confirmation" }]],
      [
        "one id twice",
        [
          { id: "a", reason: "x" },
          { id: "a", reason: "y" },
        ],
      ],
      ["an expiry that is no instant", [{ id: "a", reason: "x", expiresAt: "soon" }]],
    ]
    for (const [title, interrupts] of wrong) {
      test(
        `with ${title} fails the run as a bad event`,
        Effect.gen(function* () {
          yield* start(finishing({ outcome: { type: "interrupt", interrupts } }))
          const { runId } = yield* submit()
          const { error } = yield* untilStatus(runId, "failed")
          strictEqual(error?.code, "bad_event")
          assertTrue(error!.message.includes("outcome.interrupts"))
        }),
      )
    }

    test(
      "with more interrupts than fit into an event fails the run",
      Effect.gen(function* () {
        const interrupts = [{ id: "a", reason: "x", message: "m".repeat(245_000) }]
        yield* start(finishing({ outcome: { type: "interrupt", interrupts } }))
        const { runId } = yield* submit()
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "event_too_large")
      }),
    )

    test(
      "sets the result and metadata of the run, which are in the log too",
      Effect.gen(function* () {
        const extra = { result: { answer: 42 }, metadata: { tokens: 7 } }
        yield* start(finishing({ outcome: { type: "success" }, ...extra }))
        const { conversationId, runId } = yield* submit()
        const { metadata, result } = yield* untilStatus(runId, "completed")
        deepStrictEqual({ result, metadata }, extra)
        deepStrictEqual((yield* log(runId)).at(-1), {
          type: "RUN_FINISHED",
          threadId: conversationId,
          runId,
          outcome: { type: "success" },
          ...extra,
        })
      }),
    )

    test(
      "or a RUN_ERROR sets the metadata of the run",
      Effect.gen(function* () {
        yield* start(() =>
          Stream.make({ type: "RUN_ERROR", message: "no", code: "nope", metadata: { tokens: 7 } }),
        )
        const { runId } = yield* submit()
        const failed = yield* untilStatus(runId, "failed")
        deepStrictEqual(failed.error, { code: "nope", message: "no" })
        deepStrictEqual(failed.metadata, { tokens: 7 })
        deepStrictEqual((yield* log(runId)).at(-1)?.["metadata"], { tokens: 7 })
      }),
    )
  })
}

/** The text deltas in the log of a run. */
const resumedText = (runId: Run.Run["runId"]) =>
  Effect.map(log(runId), (events) =>
    events.flatMap((event) => (event.type === "TEXT_MESSAGE_CONTENT" ? [event["delta"]] : [])),
  )

/** An executor whose only event is a RUN_FINISHED with these fields. */
const finishing =
  (rest: Readonly<Record<string, unknown>>): Executor.Execute =>
  ({ conversationId, runId }) =>
    Stream.make({ type: "RUN_FINISHED", threadId: conversationId, runId, ...rest })
