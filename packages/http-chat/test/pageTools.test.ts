import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, Interrupts } from "@runlease/core"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { lastAssistantMessageIsCompleteWithToolCalls, type UIMessage } from "ai"
import { Effect, Queue, Stream } from "effect"
import { testerWith } from "../../http/test/agui/HttpAgents.js"
import { sqlite } from "../../http/test/sqlite.js"
import * as Pages from "./Pages.js"
import * as ChatFace from "../src/ChatFace.js"

const test = testerWith({ faces: [ChatFace.face] })(sqlite)

/** A page that makes the calls of its tools at once. `calls`: those that it has made. */
const open = (messages: ReadonlyArray<UIMessage> = []) => {
  const calls: Array<string> = []
  return Effect.map(
    Pages.open({
      messages,
      init: {
        sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
        onToolCall: ({ toolCall: { toolCallId } }) => {
          calls.push(toolCallId)
        },
      },
    }),
    (page) => ({
      ...page,
      calls,
      put: (tool: string, toolCallId: string) =>
        Effect.promise(async () => page.chat.addToolOutput({ tool, toolCallId, output: "blue" })),
    }),
  )
}

/** The words of a test, until it says `end`. */
const makeWords = Effect.map(Queue.unbounded<string>(), (words) => ({
  say: (...more: ReadonlyArray<string>) => Queue.offerAll(words, more),
  stream: Stream.takeWhile(Stream.fromQueue(words), (word) => word !== "end"),
}))

const callOf = (id: string, ...args: ReadonlyArray<string>): ReadonlyArray<AgentEvent.AgentEvent> => [
  AgentEvent.toolCallStart(id, "colour"),
  ...args.map((part) => AgentEvent.toolCallArgs(id, part)),
  AgentEvent.toolCallEnd(id),
]

const call = (id: string, ...args: ReadonlyArray<string>) =>
  Stream.concat(Stream.fromIterable(callOf(id, ...args)), Stream.fail(Executor.awaitToolResult(id, "colour")))

const isAnswered = (run: Parameters<Parameters<typeof Executor.from>[0]>[0], id: string): boolean =>
  run.snapshot.messages.some(({ parts }) => parts.some((part) => part["toolCallId"] === id))

describe("a call of the page that it has made", () => {
  for (const [title, args] of [
    ["with an input", ['{"of":', '"sky"}']],
    ["without one", []],
  ] as const) {
    test(
      `${title} is not made again when its stream is read again, by this page or another one`,
      Effect.gen(function* () {
        const { say, stream } = yield* makeWords
        yield* TestWorker.start(
          Executor.from((run) => (isAnswered(run, "call-1") ? stream : call("call-1", ...args))),
        )
        const page = yield* open()
        yield* page.say("Which colour?")
        deepStrictEqual(page.calls, ["call-1"])
        // What is open is still to be made.
        const other = yield* open(page.chat.messages.slice(0, 1))
        yield* other.resume
        deepStrictEqual(other.calls, ["call-1"])

        yield* page.put("colour", "call-1")
        yield* say("It ")
        yield* page.until((message) => Pages.textOf(message) === "It ")
        yield* Effect.promise(() => page.chat.stop())
        const late = yield* open(page.chat.messages.slice(0, 1))
        for (const { chat } of [page, late]) void chat.resumeStream()
        yield* late.until((message) => Pages.textOf(message) === "It ")
        yield* say("is blue", "end")
        for (const { until, untilReady } of [page, late]) {
          yield* until((message) => Pages.textOf(message) === "It is blue")
          yield* untilReady
        }
        deepStrictEqual([page.errors, late.errors], [[], []])
        deepStrictEqual([page.calls, late.calls], [["call-1"], []])
        strictEqual(page.answer(), "It is blue")
        deepStrictEqual(late.chat.messages, page.chat.messages)
        const part = page.chat.lastMessage!.parts.find(({ type }) => type === "tool-colour")
        deepStrictEqual(part, {
          type: "tool-colour",
          toolCallId: "call-1",
          state: "output-available",
          input: args.length === 0 ? {} : { of: "sky" },
          output: "blue",
          ...Object.fromEntries(Object.entries(part!).filter(([, value]) => value === undefined)),
        })
      }),
    )
  }

  test(
    "is not made again where it is a question of the agent",
    Effect.gen(function* () {
      const { say, stream } = yield* makeWords
      yield* TestWorker.start(
        Executor.from(() =>
          Stream.concat(
            Stream.drain(Stream.fromEffect(Interrupts.ask("name", { message: "Which one?" }))),
            stream,
          ),
        ),
      )
      const page = yield* open()
      yield* page.say("go")
      yield* page.put("input_required", "name")
      yield* say("It ")
      yield* page.until((message) => Pages.textOf(message) === "It ")
      const late = yield* open()
      void late.chat.resumeStream()
      yield* late.until((message) => Pages.textOf(message) === "It ")
      yield* say("end")
      for (const { untilReady } of [page, late]) yield* untilReady
      deepStrictEqual([page.calls, late.calls], [["name"], []])
    }),
  )

  test(
    "is not made again where another run continues its message",
    Effect.gen(function* () {
      const { say, stream } = yield* makeWords
      yield* TestWorker.start(
        Executor.from((run) =>
          isAnswered(run, "call-1") ? stream : Stream.fromIterable(callOf("call-1", "{}")),
        ),
      )
      const page = yield* open()
      yield* page.say("Which colour?")
      deepStrictEqual(page.calls, ["call-1"])
      yield* page.put("colour", "call-1")
      yield* say("It ")
      yield* page.until((message) => Pages.textOf(message) === "It ")
      const late = yield* open(page.chat.messages.slice(0, 1))
      void late.chat.resumeStream()
      yield* late.until((message) => Pages.textOf(message) === "It ")
      yield* say("end")
      for (const { untilReady } of [page, late]) yield* untilReady
      deepStrictEqual([page.calls, late.calls], [["call-1"], []])
      deepStrictEqual(late.chat.messages.at(-1)!.id, page.chat.lastMessage!.id)
    }),
  )
})
