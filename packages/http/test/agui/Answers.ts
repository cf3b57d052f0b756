import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, Interrupts, RequestSnapshot, Runs } from "@runlease/core"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect, Schema, Stream } from "effect"
import { call } from "../raw.js"
import {
  type BaseEvent,
  connect,
  idsOf,
  statusOf,
  type Store,
  tester,
  typesOf,
  until,
  untilStatus,
  type Version,
  whole,
} from "./HttpAgents.js"

const outcomeOf = (events: ReadonlyArray<BaseEvent>) => {
  const outcome = events.at(-1)?.["outcome"] as
    | { readonly type: string; readonly interrupts?: ReadonlyArray<{ readonly id: string }> }
    | undefined
  return [outcome?.type, ...(outcome?.interrupts ?? []).map(({ id }) => id)]
}

/** Asks whether to deploy, then where to, and says what it was told. */
const deployer = Executor.from(() =>
  Effect.gen(function* () {
    if (!(yield* Interrupts.approve("deploy", { message: "Deploy?" }))) return "Not deployed"
    return `Deployed to ${yield* Interrupts.ask("where", { message: "Where to?" })}`
  }),
)

/** Asks for two things at once. */
const asker = Executor.from(() =>
  Effect.map(
    Effect.forEach(
      ["a", "b"],
      (name) =>
        Effect.match(Interrupts.ask(name, { message: "Which?", schema: Schema.Int }), {
          onFailure: ({ _tag }) => _tag,
          onSuccess: (answer) => `answered ${answer}`,
        }),
      { concurrency: "unbounded" },
    ),
    (answers) => answers.join(", "),
  ),
)

/** Calls a tool of the client, and says what came of it. */
const caller = Executor.from((run) => {
  const result = run.snapshot.messages
    .flatMap(({ parts }) => parts)
    .find((part) => part.type === "tool_result" && part["toolCallId"] === "call-1")
  return result === undefined
    ? Stream.concat(
        Stream.make(
          AgentEvent.toolCallStart("call-1", "colour"),
          AgentEvent.toolCallArgs("call-1", "{}"),
          AgentEvent.toolCallEnd("call-1"),
        ),
        Stream.fail(Executor.awaitToolResult("call-1", "colour")),
      )
    : Stream.make(`The colour is ${String(result["result"])}`)
})

const resolved = (interruptId: string, payload: unknown) => ({
  interruptId,
  status: "resolved" as const,
  payload,
})

const cancelled = (interruptId: string) => ({ interruptId, status: "cancelled" as const })

/** A run that waits, and what its client is told. */
export const suite = (name: string, store: Store, version: Version): void => {
  const test = tester(store, version)

  /** The same as the client sent, by plain `fetch`. */
  const post = (body: object, query = "") => call("POST", `/ag-ui/agent${query}`, { body })
  const input = (more: object) => ({ threadId: "t", messages: [], tools: [], context: [], ...more })

  describe(`answers of an AG-UI client over ${name}, with ${version.name}`, () => {
    test(
      "make the run go on, under the run id that brings them, as often as it asks",
      Effect.gen(function* () {
        yield* TestWorker.start(deployer)
        const chat = yield* connect({ threadId: "t" })
        const asked = yield* chat.say("Deploy it", { runId: "first" })
        deepStrictEqual(typesOf(asked.events), ["RUN_STARTED", "RUN_FINISHED"])
        deepStrictEqual(outcomeOf(asked.events), ["interrupt", "deploy"])
        strictEqual(yield* statusOf("first"), "waiting")

        const second = yield* (yield* chat.run({
          runId: "second",
          resume: [resolved("deploy", { approved: true })],
        })).done
        deepStrictEqual(outcomeOf(second.events), ["interrupt", "where"])
        deepStrictEqual(second.events.map(idsOf), [
          ["t", "second"],
          ["t", "second"],
        ])

        const third = yield* (yield* chat.run({ runId: "third", resume: [resolved("where", "Mars")] })).done
        deepStrictEqual(typesOf(third.events), whole)
        deepStrictEqual(idsOf(third.events.at(-1)), ["t", "third"])
        strictEqual(chat.answer(), "Deployed to Mars")
        deepStrictEqual(chat.agent.pendingInterrupts, [])

        const runs = yield* Effect.flatMap(Runs.Runs, (port) => port.list())
        deepStrictEqual(
          runs.items.map(({ runId, status }) => [runId, status]),
          [["first", "completed"]],
        )
      }),
    )

    test(
      "may be the result of a tool that the client has, or that it declines",
      Effect.gen(function* () {
        yield* TestWorker.start(caller)
        for (const [entry, said] of [
          [resolved("call-1", "blue"), "The colour is blue"],
          [cancelled("call-1"), "The colour is cancelled"],
        ] as const) {
          const chat = yield* connect()
          const { events } = yield* chat.say("Which colour?", {
            tools: [{ name: "colour", description: "A colour", parameters: {} }],
          })
          deepStrictEqual(outcomeOf(events), [version.declares ? "success" : undefined])
          yield* (yield* chat.run({ resume: [entry] })).done
          strictEqual(chat.answer(), said)
        }
      }),
    )

    test(
      "answer all open interrupts, or are refused and change nothing",
      Effect.gen(function* () {
        yield* TestWorker.start(asker)
        const first = yield* post(input({ runId: "first" }))
        assertTrue(first.text.includes('"interrupt"'))
        for (const [resume, detail] of [
          [[resolved("a", 1)], "`resume` must answer all that the run waits for; missing: b"],
          [[resolved("x", 1)], "No run of agent agent in this thread waits for an answer to x"],
          [
            [resolved("a", 1), resolved("b", 2), cancelled("x")],
            "Run first is not waiting for an answer to x; it waits for a, b",
          ],
        ] as const) {
          const answer = yield* post(input({ runId: "next", resume }))
          deepStrictEqual(
            [answer.status, answer.json.error, answer.json.field, answer.json.detail],
            [409, "not_waiting", "resume", detail],
          )
        }
        strictEqual(yield* statusOf("first"), "waiting")
        const all = yield* post(input({ runId: "next", resume: [resolved("a", 1), cancelled("b")] }))
        assertTrue(all.text.includes("answered 1, Declined"))
      }),
    )

    test(
      "are the same when they come again, and refused when they are others",
      Effect.gen(function* () {
        yield* TestWorker.start(deployer)
        const begin = input({ runId: "first" })
        const yes = input({ runId: "second", resume: [resolved("deploy", true)] })
        const asked = yield* post(begin)
        const went = yield* post(yes)
        strictEqual((yield* post(begin)).text, asked.text)
        strictEqual((yield* post(yes)).text, went.text)
        const end = yield* post(input({ runId: "third", resume: [resolved("where", "Mars")] }))
        assertTrue(end.text.includes("Deployed to Mars"))
        strictEqual((yield* post(begin)).text, asked.text)
        strictEqual((yield* post(yes)).text, went.text)
        strictEqual((yield* post({ ...yes, runId: "fourth" })).text, went.text.replaceAll("second", "fourth"))
        const no = yield* post(input({ runId: "second", resume: [resolved("deploy", false)] }))
        deepStrictEqual(
          [no.status, no.json.error, no.json.detail],
          [409, "not_waiting", "Run first was given another answer to deploy; it waits for nothing"],
        )
      }),
    )

    test(
      "are for the run that asks, whatever runs before it were told",
      Effect.gen(function* () {
        yield* TestWorker.start(deployer)
        const yes = [resolved("deploy", true)]
        yield* post(input({ runId: "first" }))
        yield* post(input({ runId: "first-yes", resume: yes }))
        yield* post(input({ runId: "first-where", resume: [resolved("where", "Mars")] }))
        yield* post(input({ runId: "second" }))
        yield* call("POST", "/runs/second/cancel")
        const late = yield* post(input({ runId: "second-yes", resume: yes }))
        deepStrictEqual([late.status, late.json.error], [409, "not_waiting"])
        const third = yield* post(input({ runId: "third", resume: [cancelled("deploy")] }))
        assertTrue(third.text.includes('"interrupt"'))
        yield* post(input({ runId: "third-yes", resume: yes }))
        strictEqual((yield* post(input({ runId: "third-yes", resume: yes }))).text.includes("where"), true)
        strictEqual(yield* statusOf("third"), "waiting")
      }),
    )

    test(
      "come before the next message of the thread",
      Effect.gen(function* () {
        yield* TestWorker.start(deployer)
        yield* post(input({ runId: "first" }))
        const next = yield* post(input({ runId: "next" }))
        deepStrictEqual(
          [next.status, next.json.error, next.json.field, next.json.detail],
          [
            409,
            "thread_waiting",
            "resume",
            "The thread waits for answers: send `resume` with an entry, resolved or cancelled, for each of deploy; or cancel run first",
          ],
        )
        const elsewhere = yield* post(input({ runId: "elsewhere", threadId: "u" }))
        strictEqual(elsewhere.status, 200)
        yield* post(input({ runId: "no", resume: [cancelled("deploy")] }))
        strictEqual(yield* statusOf("first"), "completed")
      }),
    )

    test(
      "that cancel what nobody waits for any more leave the message to be said",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from((run) =>
            RequestSnapshot.lastUserText(run.snapshot) === "ask"
              ? Effect.map(
                  Interrupts.ask("q", { message: "Well?", expiresAfter: "1 second" }),
                  () => "Answered",
                )
              : Effect.succeed("Said"),
          ),
        )
        const chat = yield* connect()
        yield* chat.say("ask", { runId: "asks" })
        yield* untilStatus("asks", "failed")
        const late = yield* Effect.flip(chat.say("go on", { resume: [resolved("q", 1)] }))
        assertTrue(late.message.includes(version.declares ? "can no longer be answered" : "expired"))
        // 0.0.59 sends nothing any more, until its page is loaded again.
        const next = version.declares ? chat : yield* connect({ threadId: chat.agent.threadId })
        yield* next.say("go on", { resume: [cancelled("q")] })
        strictEqual(next.answer(), "Said")
      }),
    )

    test(
      "cancel the run when their stream is closed",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(() =>
            Stream.concat(
              Stream.fromEffect(Effect.as(Interrupts.approve("go", { message: "Go?" }), "Going")),
              Stream.never,
            ),
          ),
        )
        const chat = yield* connect()
        yield* chat.say("go", { runId: "goes" })
        const { events } = yield* chat.run({ resume: [resolved("go", true)] })
        yield* until(events, "TEXT_MESSAGE_CONTENT")
        chat.agent.abortRun()
        yield* untilStatus("goes", "cancelled")
      }),
    )
  })
}
