import { Chat } from "@ai-sdk/react"
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Emit, Executor, Ids, Interrupts, RequestSnapshot, Runs, Step } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import {
  DefaultChatTransport,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  type UIMessage,
} from "ai"
import { Effect, Queue, Schema, Stream } from "effect"
import { echo, testerWith, untilStatus } from "../../http/test/agui/HttpAgents.js"
import { call } from "../../http/test/raw.js"
import { Served } from "../../http/test/serving.js"
import { sqlite } from "../../http/test/sqlite.js"
import * as Pages from "./Pages.js"
import * as ChatFace from "../src/ChatFace.js"

const tester = testerWith({ faces: [ChatFace.face] })

const test = tester(sqlite)

const list = Effect.flatMap(Runs.Runs, (runs) => Effect.map(runs.list(), ({ items }) => items))

const snapshotOf = (runId: string) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.snapshot(Ids.RunId.make(runId)))

/** Says a word when the test gives it one. */
const speaker = Effect.gen(function* () {
  const words = yield* Queue.unbounded<string>()
  yield* TestWorker.start(
    Executor.from(() => Stream.takeWhile(Stream.fromQueue(words), (word) => word !== "end")),
  )
  return { say: (...more: ReadonlyArray<string>) => Queue.offerAll(words, more) }
})

const deployer = Executor.from((run) =>
  Effect.gen(function* () {
    const answer = Interrupts.answerTo(run.snapshot, "deploy")
    return (yield* Interrupts.approve("deploy", { message: "Deploy?" }))
      ? "Deployed"
      : `Not deployed: ${JSON.stringify(answer)}`
  }),
)

/** Calls a tool of the page, and says what came of it. */
const caller = Executor.from((run) => {
  const result = run.snapshot.messages
    .flatMap(({ parts }) => parts)
    .find((part) => part.type === "tool_result" && part["toolCallId"] === "call-1")
  return result === undefined
    ? Stream.concat(
        Stream.make(
          AgentEvent.toolCallStart("call-1", "colour"),
          AgentEvent.toolCallArgs("call-1", '{"of":"sky"}'),
          AgentEvent.toolCallEnd("call-1"),
        ),
        Stream.fail(Executor.awaitToolResult("call-1", "colour")),
      )
    : Stream.make(`The colour is ${JSON.stringify(result["result"])}`)
})

const statesOf = (message: UIMessage | undefined) =>
  (message?.parts ?? []).flatMap((part) => (isToolUIPart(part) ? [part.state] : []))

const user = (id: string, text: string) => ({ id, role: "user", parts: [{ type: "text", text }] })

describe("a page with useChat", () => {
  test(
    "talks turn by turn, each with what was said before",
    Effect.gen(function* () {
      yield* TestWorker.start(
        Executor.from(({ snapshot }) =>
          Effect.succeed(
            snapshot.messages
              .map((message) => `${message.role}: ${RequestSnapshot.textOf(message)}`)
              .join("; "),
          ),
        ),
      )
      const { answer, chat, errors, say } = yield* Pages.open({ body: { model: "small" } })
      yield* say("one")
      yield* say("two")
      deepStrictEqual(errors, [])
      strictEqual(chat.status, "ready")
      strictEqual(answer(), "user: one; assistant: user: one; user: two")
      strictEqual(chat.messages.length, 4)
      const runs = yield* list
      strictEqual(new Set(runs.map(({ conversationId }) => conversationId)).size, 1)
      strictEqual(Pages.runOf(chat.lastMessage), runs[0]!.runId)
      deepStrictEqual((yield* snapshotOf(runs[0]!.runId)).forwardedProps, { model: "small" })
    }),
  )

  test(
    "follows one run for the same post, and gets its answer again",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const body = { id: "chat", messages: [user("m", "hello")], trigger: "submit-message" }
      const [first, second] = yield* Effect.all(
        [call("POST", "/chat/agent", { body }), call("POST", "/chat/agent", { body })],
        {
          concurrency: 2,
        },
      )
      strictEqual(first.text, second.text)
      assertTrue(first.text.endsWith("data: [DONE]\n\n"))
      strictEqual((yield* list).length, 1)
      deepStrictEqual(
        ["content-type", "cache-control", "x-accel-buffering", "x-vercel-ai-ui-message-stream"].map((name) =>
          first.headers.get(name),
        ),
        ["text/event-stream", "no-cache", "no", "v1"],
      )
    }),
  )

  test(
    "comes back in the middle of an answer, and so does another tab; leaving cancels nothing",
    Effect.gen(function* () {
      const { say } = yield* speaker
      const first = yield* Pages.open()
      yield* first.send("go")
      yield* say("It ")
      yield* first.until((message) => Pages.textOf(message) === "It ")
      yield* Effect.promise(() => first.chat.stop())
      const tabs = yield* Effect.forEach([1, 2], () => Pages.open({ messages: first.chat.messages }))
      const [one, two] = tabs
      void one!.chat.resumeStream()
      void two!.chat.resumeStream()
      yield* say("is ")
      yield* Effect.forEach(tabs, ({ until }) => until((message) => Pages.textOf(message) === "It is "))
      yield* say("cold", "end")
      yield* Effect.forEach(tabs, ({ untilReady }) => untilReady)
      for (const { chat, errors } of tabs) {
        deepStrictEqual(errors, [])
        strictEqual(chat.messages.length, 2)
        strictEqual(Pages.textOf(chat.lastMessage), "It is cold")
      }
      deepStrictEqual(one!.chat.messages, two!.chat.messages)
      strictEqual((yield* call("GET", "/chat/agent/chat/stream")).status, 204)
    }),
  )

  test(
    "gets the rest alone after the event that it names",
    Effect.gen(function* () {
      const { say } = yield* speaker
      const page = yield* Pages.open()
      yield* page.send("go")
      yield* say("It ")
      yield* page.until((message) => Pages.textOf(message) === "It ")
      const runId = Ids.RunId.make(Pages.runOf(page.chat.lastMessage))
      const after = (yield* TestRuns.getRun(runId)).latestEventId
      const { key, url } = yield* Served
      const response = yield* Effect.promise(() =>
        fetch(`${url}/chat/agent/chat/stream?after=${after}`, {
          headers: { authorization: `Bearer ${key}` },
        }),
      )
      yield* say("is", "end")
      yield* page.untilReady
      const text = yield* Effect.promise(() => response.text())
      assertTrue(!text.includes('"type":"start"'))
      assertTrue(!text.includes('"delta":"It "'))
      assertTrue(text.includes('"delta":"is"'))
    }),
  )

  for (const approved of [true, false]) {
    test(
      `answers an approval with ${approved ? "yes" : "no"}, and sends nothing more by itself`,
      Effect.gen(function* () {
        yield* TestWorker.start(deployer)
        const page = yield* Pages.open({
          init: { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
        })
        yield* page.say("Deploy it")
        deepStrictEqual(statesOf(page.chat.lastMessage), ["approval-requested"])

        const late = yield* Pages.open({ messages: page.chat.messages.slice(0, 1) })
        yield* late.resume
        deepStrictEqual(late.chat.messages, page.chat.messages)

        yield* Effect.promise(async () =>
          page.chat.addToolApprovalResponse({ id: "deploy", approved, reason: "I say so" }),
        )
        yield* page.until((message) => Pages.textOf(message) !== "")
        yield* page.untilReady
        deepStrictEqual(page.errors, [])
        strictEqual(page.chat.messages.length, 2)
        deepStrictEqual(statesOf(page.chat.lastMessage), [approved ? "output-available" : "output-denied"])
        strictEqual(
          page.answer(),
          approved
            ? "Deployed"
            : 'Not deployed: {"_id":"Option","_tag":"Some","value":{"interruptId":"deploy","status":"resolved","payload":{"approved":false,"reason":"I say so"}}}',
        )
        strictEqual((yield* list).length, 1)
      }),
    )
  }

  test(
    "edits what it approves, by the id of the approval in the body of its request",
    Effect.gen(function* () {
      yield* TestWorker.start(
        Executor.from(() =>
          Effect.map(
            Interrupts.approve("refund", {
              message: "Refund?",
              about: { euros: 40 },
              editable: Schema.Struct({ euros: Schema.Number }),
            }),
            ({ approved, value }) => `${approved} ${value.euros}`,
          ),
        ),
      )
      const page = yield* Pages.open({
        init: { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
      })
      yield* page.say("Refund it")
      yield* Effect.promise(async () =>
        page.chat.addToolApprovalResponse({
          id: "refund",
          approved: true,
          options: { body: { editedArgs: { refund: { euros: 30 } } } },
        }),
      )
      yield* page.until((message) => Pages.textOf(message) !== "")
      yield* page.untilReady
      deepStrictEqual([page.errors, page.answer()], [[], "true 30"])
    }),
  )

  test(
    "does a call of its own, and its run goes on with the output",
    Effect.gen(function* () {
      yield* TestWorker.start(caller)
      const page = yield* Pages.open({
        init: { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls },
      })
      yield* page.say("Which colour?")
      deepStrictEqual(statesOf(page.chat.lastMessage), ["input-available"])
      yield* untilStatus(Pages.runOf(page.chat.lastMessage), "waiting")
      yield* Effect.promise(async () =>
        page.chat.addToolOutput({ tool: "colour", toolCallId: "call-1", output: { name: "blue" } }),
      )
      yield* page.until((message) => Pages.textOf(message) !== "")
      yield* page.untilReady
      deepStrictEqual(page.errors, [])
      strictEqual(page.answer(), 'The colour is {"name":"blue"}')
      strictEqual((yield* list).length, 1)
    }),
  )

  test(
    "sends another message in place of a call of its own",
    Effect.gen(function* () {
      yield* TestWorker.start(caller)
      const page = yield* Pages.open()
      yield* page.say("Which colour?")
      yield* page.say("Never mind")
      deepStrictEqual(page.errors, [])
      deepStrictEqual(
        (yield* list).map(({ status }) => status),
        ["waiting", "completed"],
      )
    }),
  )

  test(
    "is refused another message while the run waits for an answer, and may stop it",
    Effect.gen(function* () {
      yield* TestWorker.start(deployer)
      const page = yield* Pages.open()
      yield* page.say("Deploy it")
      yield* page.say("And now?")
      deepStrictEqual(JSON.parse(page.errors[0]!.message), {
        error: "chat_waiting",
        detail:
          "The chat waits for answers to deploy: add them to the last message and send it, or stop the chat",
        field: "messages",
        open_interrupt_ids: ["deploy"],
      })
      const stopped = yield* call("POST", "/chat/agent/chat/stop")
      deepStrictEqual(stopped.json.stopped, true)
      strictEqual((yield* call("POST", "/chat/agent/chat/stop")).json.stopped, false)
    }),
  )

  test(
    "regenerates an answer as often as it likes, each time by a run of its own",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const page = yield* Pages.open()
      yield* page.say("hello")
      const ids = [page.chat.lastMessage!.id]
      for (const messageId of [undefined, page.chat.messages[0]!.id]) {
        yield* Effect.promise(() => page.chat.regenerate(messageId === undefined ? {} : { messageId }))
        ids.push(page.chat.lastMessage!.id)
      }
      deepStrictEqual(page.errors, [])
      strictEqual(new Set(ids).size, 3)
      strictEqual(page.chat.messages.length, 2)
      const runs = yield* list
      strictEqual(runs.length, 3)
      for (const { runId } of runs) {
        deepStrictEqual((yield* snapshotOf(runId)).messages.map(RequestSnapshot.textOf), ["hello"])
      }
    }),
  )

  test(
    "regenerates an answer that has failed behind what was recorded of it",
    Effect.gen(function* () {
      let payments = 0
      let isBroken = true
      yield* TestWorker.start(
        Executor.from(() =>
          Effect.gen(function* () {
            const pay = Effect.sync(() => `Payment ${++payments}.`)
            yield* Step.stream("pay", Stream.fromEffect(pay))
            yield* Emit.text(" Sending")
            if (isBroken) return yield* Effect.fail(new Error("no stock"))
            return " is done."
          }),
        ),
      )
      const page = yield* Pages.open()
      yield* page.say("buy it")
      strictEqual(page.errors.length, 1)
      isBroken = false
      yield* Effect.promise(() => page.chat.regenerate())
      deepStrictEqual([page.errors.length, payments], [1, 1])
      strictEqual(page.answer(), "Payment 1. Sending is done.")
      // The thread shows what both runs have recorded once.
      const { json } = yield* call("GET", "/threads/chat")
      strictEqual(JSON.stringify(json).split("Payment 1.").length, 2)
      yield* Effect.promise(() => page.chat.regenerate())
      strictEqual(page.answer(), "Payment 2. Sending is done.")
    }),
  )

  test(
    "edits a message, whose unfinished run ends then",
    Effect.gen(function* () {
      const endless = yield* TestWorker.makeEndless
      yield* TestWorker.start(endless.execute)
      const page = yield* Pages.open()
      yield* page.send("hello")
      yield* Queue.take(endless.started)
      const [first] = yield* list
      yield* Effect.promise(() => page.chat.stop())
      void page.chat.sendMessage({ text: "goodbye", messageId: page.chat.messages[0]!.id })
      yield* untilStatus(first!.runId, "cancelled")
      yield* Queue.take(endless.started)
      const [second] = yield* list
      deepStrictEqual((yield* snapshotOf(second!.runId)).messages.map(RequestSnapshot.textOf), ["goodbye"])
    }),
  )

  test(
    "stops the run and what waits behind it",
    Effect.gen(function* () {
      const endless = yield* TestWorker.makeEndless
      yield* TestWorker.start(endless.execute)
      const page = yield* Pages.open()
      const other = yield* Pages.open()
      yield* page.send("one")
      yield* Queue.take(endless.started)
      yield* other.send("two")
      yield* TestWorker.until(list, (runs) => runs.length === 2)
      const stale = yield* call("POST", "/chat/agent/chat/stop", { body: { activeStreamId: "another" } })
      strictEqual(stale.json.stopped, false)
      const { json, status } = yield* call("POST", "/chat/agent/chat/stop", {
        body: { assistantMessage: page.chat.lastMessage },
      })
      deepStrictEqual([status, json.success, json.stopped, json.runIds.length], [200, true, true, 2])
      yield* page.untilReady
      yield* other.untilReady
      deepStrictEqual([...page.errors, ...other.errors], [])
      deepStrictEqual(
        (yield* list).map(({ status }) => status),
        ["cancelled", "cancelled"],
      )
    }),
  )

  test(
    "shows why a run failed",
    Effect.gen(function* () {
      yield* TestWorker.start(
        Executor.from(() =>
          Stream.concat(
            Stream.make("half an ans"),
            Stream.fail(new Executor.ExecutorError({ code: "overloaded", message: "Too much at once" })),
          ),
        ),
      )
      const page = yield* Pages.open()
      yield* page.say("hello")
      strictEqual(page.chat.status, "error")
      strictEqual(page.chat.error?.message, "Too much at once")
      strictEqual(page.answer(), "half an ans")
    }),
  )

  test(
    "takes back the half of an answer whose worker was lost",
    Effect.gen(function* () {
      const page = yield* Pages.open()
      yield* page.send("go")
      const worker = yield* TestRuns.register()
      const [claimed] = yield* TestRuns.claim(worker, { wait: "10 seconds", leaseDuration: "5 seconds" })
      yield* TestRuns.append(claimed!, [
        AgentEvent.textStart("m"),
        AgentEvent.textContent("m", "half an ans"),
      ])
      yield* page.until((message) => Pages.textOf(message) === "half an ans")
      // Its lease is renewed by no one, and lapses.
      yield* TestWorker.start(Executor.from(() => Effect.succeed("The whole answer")))
      yield* page.untilReady
      deepStrictEqual(page.errors, [])
      strictEqual(page.answer(), "The whole answer")
    }),
  )

  test(
    "shows a message that is sent to the run while it works",
    Effect.gen(function* () {
      const { say } = yield* speaker
      const page = yield* Pages.open()
      yield* page.send("go")
      yield* say("It ")
      yield* page.until((message) => Pages.textOf(message) === "It ")
      const runId = Pages.runOf(page.chat.lastMessage)
      yield* call("POST", `/runs/${runId}/messages`, { body: { text: "Be brief", idempotency_key: "brief" } })
      yield* say("is", "end")
      yield* page.untilReady
      assertTrue(
        page.chat.lastMessage!.parts.some((part) => part.type === "steering-message" && part.id === "brief"),
      )
    }),
  )

  test(
    "continues a message whose run has ended, and a page that comes later has all of it",
    Effect.gen(function* () {
      const { say } = yield* speaker
      const before: ReadonlyArray<UIMessage> = [
        { id: "u", role: "user", parts: [{ type: "text", text: "Which colour?" }] },
        {
          id: "a",
          role: "assistant",
          parts: [
            { type: "step-start" },
            { type: "text", text: "Let me see", state: "done" },
            {
              type: "tool-colour",
              toolCallId: "c",
              state: "output-available",
              input: {},
              output: { name: "blue" },
            },
          ],
        },
      ]
      const page = yield* Pages.open({ messages: before })
      void page.chat.sendMessage()
      yield* say("Blue")
      yield* page.until((message) => Pages.textOf(message) === "Let me seeBlue")
      const late = yield* Pages.open({ messages: before })
      void late.chat.resumeStream()
      yield* late.until((message) => Pages.textOf(message) === "Let me seeBlue")
      yield* say("end")
      yield* page.untilReady
      yield* late.untilReady
      for (const { chat, errors } of [page, late]) {
        deepStrictEqual(errors, [])
        deepStrictEqual(
          chat.messages.map(({ id }) => id),
          ["u", "a"],
        )
        deepStrictEqual(statesOf(chat.lastMessage), ["output-available"])
      }
      const [run] = yield* list
      const { messages } = yield* snapshotOf(run!.runId)
      deepStrictEqual(messages[1]!.parts, [
        { type: "text", text: "Let me see" },
        { type: "tool_call", toolCallId: "c", toolName: "colour", args: "{}" },
        { type: "tool_result", toolCallId: "c", result: '{"name":"blue"}' },
      ])
    }),
  )

  test(
    "sees the run that an AG-UI client began in the conversation",
    Effect.gen(function* () {
      const { say } = yield* speaker
      const input = {
        threadId: "chat",
        runId: "elsewhere",
        messages: [{ id: "m", role: "user", content: "go" }],
        tools: [],
        context: [],
      }
      const other = yield* Effect.fork(call("POST", "/ag-ui/agent", { body: input }))
      yield* untilStatus("elsewhere", "running")
      const page = yield* Pages.open()
      void page.chat.resumeStream()
      yield* say("It ")
      yield* page.until((message) => Pages.textOf(message) === "It ")
      strictEqual(Pages.runOf(page.chat.lastMessage), "elsewhere")
      yield* say("end")
      yield* page.untilReady
      yield* Effect.flatten(other.await)
    }),
  )

  test(
    "does with a token of its own what that is for, in its conversation alone",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const { projects } = yield* Effect.map(call("GET", "/projects"), ({ json }) => ({
        projects: json.data,
      }))
      const made = yield* call("POST", `/projects/${projects[0].slug}/tokens`, {
        body: { scopes: ["read", "write"], thread_id: "chat", agent_ids: ["agent"] },
      })
      const token = String(made.json.token)
      const { url } = yield* Served
      const chatOf = (id: string, agentId = "agent") =>
        new Chat({
          id,
          transport: new DefaultChatTransport({
            api: `${url}/chat/${agentId}`,
            headers: { authorization: `Bearer ${token}` },
          }),
        })
      const own = chatOf("chat")
      yield* Effect.promise(() => own.sendMessage({ text: "hello" }))
      yield* Effect.promise(() => own.regenerate())
      deepStrictEqual([own.status, Pages.textOf(own.lastMessage)], ["ready", "You said: hello"])
      yield* Effect.promise(() => own.resumeStream())
      strictEqual(own.status, "ready")
      for (const [chat, error] of [
        [chatOf("another"), "chat_not_found"],
        [chatOf("chat", "other"), "forbidden"],
      ] as const) {
        yield* Effect.promise(() => chat.sendMessage({ text: "hello" }))
        strictEqual(JSON.parse(chat.error!.message).error, error)
      }
      strictEqual((yield* call("POST", "/chat/agent/chat/stop", { token })).status, 403)
      strictEqual((yield* list).length, 2)
    }),
  )

  for (const [title, body, field] of [
    ["without a conversation", { messages: [user("m", "x")] }, "id"],
    ["without messages", { id: "chat", messages: [] }, "messages"],
    [
      "with a role of its own",
      { id: "chat", messages: [{ ...user("m", "x"), role: "judge" }] },
      "messages.0.role",
    ],
    [
      "with a text that is none",
      { id: "chat", messages: [{ id: "m", role: "user", parts: [{ type: "text" }] }] },
      "messages.0.parts.0.text",
    ],
    ["with another trigger", { id: "chat", messages: [user("m", "x")], trigger: "resume-stream" }, "trigger"],
  ] as const) {
    test(
      `is refused a post ${title}`,
      Effect.gen(function* () {
        const { json, status } = yield* call("POST", "/chat/agent", { body })
        deepStrictEqual([status, json.field], [400, field])
      }),
    )
  }
})
