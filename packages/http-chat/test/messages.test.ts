import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, Interrupts } from "@runlease/core"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { lastAssistantMessageIsCompleteWithApprovalResponses, type UIMessage } from "ai"
import { Effect, Queue, Stream } from "effect"
import { echo, testerWith, untilStatus } from "../../http/test/agui/HttpAgents.js"
import { call } from "../../http/test/raw.js"
import { sqlite } from "../../http/test/sqlite.js"
import * as Pages from "./Pages.js"
import * as ChatFace from "../src/ChatFace.js"

const test = testerWith({ faces: [ChatFace.face] })(sqlite)

interface Answer {
  readonly messages: ReadonlyArray<UIMessage>
  readonly omitted: number
}

const messages = (id = "chat") =>
  Effect.map(call("GET", `/chat/agent/${id}/messages`), ({ json, status }) => {
    strictEqual(status, 200)
    return json as Answer
  })

/** As they are sent. */
const asJson = (shown: ReadonlyArray<UIMessage>) => JSON.parse(JSON.stringify(shown)) as unknown

/** Reasons, looks, waits for a person and answers; a second message is answered at once. */
const clerk = Executor.from(({ snapshot }) =>
  snapshot.messages.filter(({ role }) => role === "user").length > 1
    ? Stream.make("You are ", "welcome")
    : Stream.concat(
        Stream.make<Array<AgentEvent.AgentEvent>>(
          AgentEvent.toolCallStart("look", "orders"),
          AgentEvent.toolCallArgs("look", '{"of":'),
          AgentEvent.toolCallArgs("look", '"me"}'),
          AgentEvent.toolCallEnd("look"),
          { type: "TOOL_CALL_RESULT", toolCallId: "look", messageId: "look-result", content: '{"euros":40}' },
          { type: "CUSTOM", name: "progress", value: { id: "p", done: 1 } },
        ),
        Stream.fromEffect(
          Effect.map(Interrupts.approve("refund", { message: "Refund 40 EUR?" }), (approved) =>
            approved ? "Refunded" : "Kept",
          ),
        ),
      ),
)

describe("a page that comes back after the end", () => {
  test(
    "gets all turns as the page that stayed has them",
    Effect.gen(function* () {
      yield* TestWorker.start(clerk)
      const page = yield* Pages.open({
        init: { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
      })
      yield* page.say("Refund me")
      // The answer is unfinished, so it comes with the stream.
      deepStrictEqual((yield* messages()).messages, asJson(page.chat.messages.slice(0, 1)))
      const waiting = yield* Pages.open({ messages: (yield* messages()).messages })
      yield* waiting.resume
      deepStrictEqual(asJson(waiting.chat.messages), asJson(page.chat.messages))

      yield* Effect.promise(async () => page.chat.addToolApprovalResponse({ id: "refund", approved: true }))
      yield* page.until((message) => Pages.textOf(message) !== "")
      yield* page.untilReady
      deepStrictEqual(yield* messages(), { messages: asJson(page.chat.messages), omitted: 0 })

      yield* page.say("Thanks")
      deepStrictEqual(page.errors, [])
      const { messages: all } = yield* messages()
      deepStrictEqual(all, asJson(page.chat.messages))
      strictEqual(all.length, 4)
      const late = yield* Pages.open({ messages: all })
      yield* late.resume
      deepStrictEqual(asJson(late.chat.messages), asJson(page.chat.messages))
    }),
  )

  test(
    "gets the whole answer of a run that it has left, and what a failed one has written",
    Effect.gen(function* () {
      const words = yield* Queue.unbounded<string>()
      yield* TestWorker.start(
        Executor.from(() =>
          Stream.mapEffect(
            Stream.takeWhile(Stream.fromQueue(words), (word) => word !== "end"),
            (word) => (word === "break" ? Effect.fail(new Error("no stock")) : Effect.succeed(word)),
          ),
        ),
      )
      const page = yield* Pages.open()
      yield* page.send("go")
      yield* words.offer("It ")
      yield* page.until((message) => Pages.textOf(message) === "It ")
      const runId = Pages.runOf(page.chat.lastMessage)
      yield* Effect.promise(() => page.chat.stop())
      yield* words.offerAll(["is cold", "end"])
      yield* untilStatus(runId, "completed")
      strictEqual((yield* call("GET", "/chat/agent/chat/stream")).status, 204)
      const { messages: shown } = yield* messages()
      deepStrictEqual(
        shown.map((message) => [message.role, Pages.textOf(message)]),
        [
          ["user", "go"],
          ["assistant", "It is cold"],
        ],
      )
      strictEqual(shown[1]!.id, page.chat.lastMessage!.id)

      const back = yield* Pages.open({ messages: shown })
      yield* words.offerAll(["It ", "break"])
      yield* back.say("again")
      strictEqual(back.errors.length, 1)
      deepStrictEqual((yield* messages()).messages, asJson(back.chat.messages))
    }),
  )

  test(
    "gets a conversation that an AG-UI client had",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      for (const runId of ["one", "two"]) {
        const input = {
          threadId: "chat",
          runId,
          messages: [{ id: runId, role: "user", content: runId }],
          tools: [],
          context: [],
        }
        yield* call("POST", "/ag-ui/agent", { body: input })
      }
      const { messages: shown } = yield* messages()
      deepStrictEqual(
        shown.slice(-2).map((message) => [message.role, Pages.textOf(message), message.id]),
        [
          ["user", "two", "two"],
          ["assistant", "You said: two", "answer-two"],
        ],
      )
    }),
  )

  test(
    "gets the newest 500 messages, and the number of the others",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const before = Array.from({ length: 600 }, (_, at): UIMessage => ({
        id: `m${at}`,
        role: at % 2 === 0 ? "user" : "assistant",
        parts: [{ type: "text", text: `message ${at}` }],
      }))
      const page = yield* Pages.open({ messages: before })
      yield* page.say("the last")
      const { messages: shown, omitted } = yield* messages()
      deepStrictEqual([shown.length, omitted], [500, 102])
      deepStrictEqual(
        shown.map(({ id }) => id),
        page.chat.messages.slice(102).map(({ id }) => id),
      )
      strictEqual(Pages.textOf(shown[1]), "message 103")
    }),
  )

  test(
    "reads that a chat is unknown, also one of another agent",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const page = yield* Pages.open()
      yield* page.say("hello")
      for (const path of ["agent/another", "other/chat"]) {
        const { json, status } = yield* call("GET", `/chat/${path}/messages`)
        deepStrictEqual([status, json.error, json.field], [404, "chat_not_found", "chat_id"])
      }
    }),
  )
})
