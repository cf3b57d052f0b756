import * as Current from "@ag-ui/client"
import * as Older from "@ag-ui/client-0.0.59"
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Agent,
  AgentEvent,
  Child,
  Emit,
  Executor,
  Inbox,
  Interrupts,
  RequestSnapshot,
  Step,
} from "@runlease/core"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Deferred, Effect, Exit, Fiber, Predicate, Queue, Scope, Stream } from "effect"
import { call } from "../raw.js"
import { Served } from "../serving.js"
import type { Peer } from "../../src/agui/AgUiView.js"
import { peers } from "./Clients.js"
import {
  connect,
  type Message,
  statusOf,
  type Store,
  tester,
  typesOf,
  until,
  untilStatus,
  whole,
} from "./HttpAgents.js"

const look = (threadId: string) =>
  Effect.map(call("GET", `/threads/${encodeURIComponent(threadId)}`), ({ json }) => json)

const stop = (threadId: string, body?: object) =>
  Effect.map(
    call("POST", `/threads/${encodeURIComponent(threadId)}/stop`, body === undefined ? {} : { body }),
    ({ json }) => json,
  )

const untilThread = (threadId: string, status: string) =>
  Effect.repeat(look(threadId), { until: (thread) => thread.status === status })

/** Where a thread is followed, by a client that declares its version or none. */
const streamOf = (threadId: string, peer: Peer) =>
  Effect.map(
    Served,
    ({ key, url }) =>
      () =>
        fetch(
          `${url}/threads/${encodeURIComponent(threadId)}/stream${peer === "older" ? "" : "?protocol_version=1.0"}`,
          { headers: { authorization: `Bearer ${key}` } },
        ),
  )

interface Page {
  readonly agent: { readonly messages: unknown; readonly pendingInterrupts: unknown; readonly state: unknown }
  readonly follow: (seen: (event: Current.BaseEvent) => void) => Promise<unknown>
}

/** Clients as `comeBack` has them: `HttpAgent` has no `connect` of its own. */
const pages: Readonly<Record<Peer, (threadId: string, request: () => Promise<Response>) => Page>> = {
  current: (threadId, request) => {
    class Agent extends Current.HttpAgent {
      override connect() {
        return Current.transformHttpEventStream(Current.runHttpRequest(request))
      }
    }
    const agent = new Agent({ url: "unused:", threadId })
    return { agent, follow: (seen) => agent.connectAgent({}, { onEvent: ({ event }) => seen(event) }) }
  },
  older: (threadId, request) => {
    class Agent extends Older.HttpAgent {
      override connect() {
        return Older.transformHttpEventStream(Older.runHttpRequest(request))
      }
    }
    const agent = new Agent({ url: "unused:", threadId })
    return {
      agent,
      follow: (seen) => agent.connectAgent({}, { onEvent: ({ event }) => seen(event as Current.BaseEvent) }),
    }
  },
}

/** A client that comes to a thread, as a page does that is loaded again. */
const comeBack = Effect.fnUntraced(function* (threadId: string, peer: Peer) {
  const { agent, follow } = pages[peer](threadId, yield* streamOf(threadId, peer))
  const events = yield* Queue.unbounded<Current.BaseEvent>()
  const all: Array<Current.BaseEvent> = []
  const done = yield* Effect.forkScoped(
    Effect.promise(() =>
      follow((event) => {
        all.push(event)
        Queue.unsafeOffer(events, event)
      }),
    ),
  )
  return { agent, all, done: Fiber.join(done), events }
})

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** A result in parts as an older client gets it. */
const inText = (message: Message): object =>
  message.role === "tool" && Array.isArray(message.content) ? { ...message, content: "not found" } : message

/** The types of the closed run that restates a thread. */
const restated = ["RUN_STARTED", "STATE_SNAPSHOT", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]

/** A turn with everything that a client keeps, and some of it in pieces. */
const busy = Executor.from((run) => {
  const turn = run.snapshot.messages.length
  const id = (name: string) => `${name}-${turn}`
  return Stream.make(
    AgentEvent.stateSnapshot({ turn, list: [1] }),
    AgentEvent.reasoningStart(id("r")),
    AgentEvent.reasoningMessageStart(id("r")),
    AgentEvent.reasoningMessageContent(id("r"), "Let me "),
    AgentEvent.reasoningMessageContent(id("r"), "think"),
    AgentEvent.reasoningMessageEnd(id("r")),
    AgentEvent.reasoningEncryptedValue("message", id("r"), "sealed"),
    AgentEvent.reasoningEnd(id("r")),
    AgentEvent.textStart(id("m"), "assistant", { metadata: { a: 1 } }),
    AgentEvent.textContent(id("m"), "I look "),
    AgentEvent.textContent(id("m"), "it up"),
    AgentEvent.textEnd(id("m"), { metadata: { b: 2 } }),
    AgentEvent.toolCallStart(id("c"), "find", { parentMessageId: id("m") }),
    AgentEvent.toolCallArgs(id("c"), '{"what":'),
    AgentEvent.toolCallArgs(id("c"), '"it"}'),
    AgentEvent.toolCallEnd(id("c")),
    AgentEvent.reasoningEncryptedValue("tool-call", id("c"), "sealed too"),
    AgentEvent.toolCallStart(id("d"), "find"),
    AgentEvent.toolCallEnd(id("d")),
    AgentEvent.toolCallResult(id("cr"), id("c"), "found"),
    AgentEvent.toolCallResult(id("dr"), id("d"), [{ type: "text", text: "not found" }]),
    AgentEvent.stateDelta([
      { op: "add", path: "/list/-", value: { deep: true } },
      { op: "copy", from: "/list/1", path: "/copied" },
    ]),
    AgentEvent.activitySnapshot(id("a"), "plan", { steps: ["one"] }),
    AgentEvent.activityDelta(id("a"), "plan", [{ op: "add", path: "/steps/-", value: "two" }]),
    AgentEvent.textChunk({ messageId: id("n"), delta: "There " }),
    AgentEvent.textChunk({ delta: "it is" }),
  )
})

/** What a thread is, asked for by its name. */
export const suite = (name: string, store: Store): void => {
  const test = tester(store)

  describe(`threads of AG-UI clients over ${name}`, () => {
    test(
      "hold the messages of a client that followed them, and of a client that comes later",
      Effect.gen(function* () {
        yield* TestWorker.start(busy)
        const chat = yield* connect({ threadId: "a thread/ü" })
        for (const text of ["one", "two", "three"]) {
          const turn = chat.agent.messages.filter(({ role }) => role !== "activity").length + 1
          yield* chat.say(text)
          const thread = yield* look("a thread/ü")
          // A client sends no activities, so those of earlier turns are in no input.
          const messages = chat.agent.messages.filter(
            ({ id, role }) => role !== "activity" || id === `a-${turn}`,
          )
          deepStrictEqual(thread.messages, plain(messages))
          deepStrictEqual(thread.state, chat.agent.state)
          deepStrictEqual(
            [thread.threadId, thread.status, thread.runId, thread.omittedMessages, thread.stateOmitted],
            ["a thread/ü", "idle", null, 0, false],
          )
          for (const peer of peers) {
            const page = yield* comeBack("a thread/ü", peer)
            yield* page.done
            deepStrictEqual(typesOf(page.all), restated)
            deepStrictEqual(
              plain(page.agent.messages),
              plain(messages.map(peer === "older" ? inText : (one) => one)),
            )
            deepStrictEqual(page.agent.state, chat.agent.state)
          }
        }
      }),
    )

    test(
      "do not hold what a dead attempt has shown, with a record in its place and without",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(({ attempt, snapshot }) =>
            Effect.gen(function* () {
              yield* Emit.text(`Half ${attempt}`)
              if (attempt < 3) return yield* Effect.fail(Executor.retryableError("died", "again"))
              if (snapshot.messages.length === 1) yield* Step.run("answer", Emit.text("Whole"))
            }),
          ),
          { retryDelay: () => 0 },
        )
        const chat = yield* connect({ threadId: "t" })
        const texts = (role: string, messages: ReadonlyArray<Message>) =>
          messages.flatMap((message) => (message.role === role ? [message.content] : []))
        const { events } = yield* chat.say("hi")
        const marks = events.flatMap(({ type, value }) =>
          type === "CUSTOM" && Predicate.isRecord(value) ? [value["superseded"]] : [],
        )
        const ids = chat.agent.messages.flatMap(({ id, role }) => (role === "assistant" ? [id] : []))
        deepStrictEqual(texts("assistant", chat.agent.messages), ["Half 1", "Half 2", "Half 3", "Whole"])
        deepStrictEqual(marks, [
          { messages: [ids[0]], tool_calls: [] },
          { messages: [ids[1]], tool_calls: [] },
        ])
        deepStrictEqual(texts("assistant", (yield* look("t")).messages), ["Half 3", "Whole"])
        // The next attempt says it again, whether or not a step records that.
        const { key, url } = yield* Served
        const other = new Current.HttpAgent({
          url: `${url}/ag-ui/agent`,
          headers: { authorization: `Bearer ${key}` },
          threadId: "other",
          initialMessages: ["one", "two"].map((content) => ({ id: content, role: "user", content })),
        })
        other.subscribe({
          onCustomEvent: ({ event: { value }, messages }) => {
            const superseded = new Set<unknown>(value.superseded.messages)
            return { messages: messages.filter(({ id }) => !superseded.has(id)) }
          },
        })
        yield* Effect.promise(() => other.runAgent())
        deepStrictEqual(texts("assistant", other.messages), ["Half 3"])
        deepStrictEqual(texts("assistant", (yield* look("other")).messages), ["Half 3"])
      }),
    )

    test(
      "are empty before their first run",
      Effect.gen(function* () {
        const thread = yield* look("nothing yet")
        deepStrictEqual([thread.status, thread.messages, thread.state], ["idle", [], null])
        for (const peer of peers) {
          const page = yield* comeBack("nothing yet", peer)
          yield* page.done
          deepStrictEqual(typesOf(page.all), ["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"])
          deepStrictEqual(page.agent.messages, [])
        }
        deepStrictEqual(yield* stop("nothing yet"), { stopped: false, runId: null })
      }),
    )

    test(
      "are followed from where their run began, through another worker, to its end",
      Effect.gen(function* () {
        const words = yield* Queue.unbounded<string>()
        const scope = yield* Scope.make()
        yield* Scope.extend(TestWorker.start(Executor.from(() => Effect.succeed("Hello"))), scope)
        const chat = yield* connect({ threadId: "t", query: "?detach=true" })
        yield* chat.say("hi")
        yield* Scope.close(scope, Exit.void)
        yield* TestWorker.start(Executor.from(() => Stream.take(Stream.fromQueue(words), 2)))
        chat.agent.addMessage({ id: "u2", role: "user", content: "count" })
        const { done, events } = yield* chat.run({ runId: "counting" })
        yield* Queue.offer(words, "one ")
        yield* until(events, "TEXT_MESSAGE_CONTENT")
        const running = yield* look("t")
        deepStrictEqual([running.status, running.runId, running.agentId], ["running", "counting", "agent"])
        deepStrictEqual(
          running.messages.map(({ content }: { content: string }) => content),
          ["hi", "Hello", "count", "one "],
        )
        const followers = yield* Effect.forEach(peers, (peer) => comeBack("t", peer))
        for (const { events: shown } of followers) yield* until(shown, "TEXT_MESSAGE_CONTENT")
        yield* Queue.offer(words, "two")
        yield* done
        for (const page of followers) {
          yield* page.done
          deepStrictEqual(typesOf(page.all), [...restated, ...whole.slice(0, 3), ...whole.slice(2)])
          deepStrictEqual(page.all.at(-1)?.["runId"], "counting")
          deepStrictEqual(plain(page.agent.messages), plain(chat.agent.messages))
        }
        strictEqual((yield* look("t")).status, "idle")
      }),
    )

    test(
      "show the waits of their run part by part to a client that comes later",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(() =>
            Effect.gen(function* () {
              const place = yield* Interrupts.ask("where", { message: "Where to?", about: { seats: 2 } })
              if (!(yield* Interrupts.approve("sure", { message: "Sure?" }))) return "Not done"
              return `Gone to ${place}`
            }),
          ),
        )
        const chat = yield* connect({ threadId: "t" })
        yield* chat.say("Go", { runId: "going" })
        for (const [runId, id, payload] of [
          ["going", "where", "Mars"],
          ["where-told", "sure", { approved: true }],
        ] as const) {
          const waiting = yield* look("t")
          deepStrictEqual([waiting.status, waiting.runId], ["waiting", runId])
          deepStrictEqual(waiting.interrupts, plain(chat.agent.pendingInterrupts))
          deepStrictEqual(
            waiting.interrupts.map((one: { id: string; metadata?: object }) => [one.id, one.metadata]),
            [[id, id === "where" ? { about: { seats: 2 } } : undefined]],
          )
          for (const peer of peers) {
            const page = yield* comeBack("t", peer)
            yield* page.done
            deepStrictEqual(plain(page.agent.pendingInterrupts), waiting.interrupts)
            deepStrictEqual(typesOf(page.all), [...restated, "RUN_STARTED", "RUN_FINISHED"])
          }
          yield* (yield* chat.run({
            runId: `${id}-told`,
            resume: [{ interruptId: id, status: "resolved", payload }],
          })).done
        }
        strictEqual(chat.answer(), "Gone to Mars")
        deepStrictEqual((yield* look("t")).messages, plain(chat.agent.messages))
      }),
    )

    test(
      "tell what their run waits for after its child has ended",
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        yield* TestWorker.start(
          Executor.from((run) =>
            run.agentId === "child"
              ? Effect.as(Deferred.await(gate), "done")
              : Effect.gen(function* () {
                  yield* Child.spawn("work", Agent.make({ name: "child" }), "go", { publicId: "child" })
                  yield* Interrupts.approve("sure", { message: "Sure?" })
                  return "sure"
                }),
          ),
        )
        const chat = yield* connect({ threadId: "t" })
        yield* chat.say("Go")
        yield* Deferred.succeed(gate, undefined)
        yield* untilStatus("child", "completed")
        for (const peer of peers) {
          const page = yield* comeBack("t", peer)
          yield* page.done
          deepStrictEqual(plain(page.agent.pendingInterrupts), plain(chat.agent.pendingInterrupts))
          strictEqual(page.all.at(-1)?.type, "RUN_FINISHED")
        }
      }),
    )

    test(
      "name their run by the input that it has taken last, and tell the calls that it waits for",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from((run) => {
            const results = run.snapshot.messages.flatMap(({ parts }) =>
              parts.filter(({ type }) => type === "tool_result"),
            )
            const id = `call-${results.length}`
            return results.length === 2
              ? Stream.make("Done")
              : Stream.concat(
                  Stream.make(AgentEvent.toolCallStart(id, "colour"), AgentEvent.toolCallEnd(id)),
                  Stream.fail(Executor.awaitToolResult(id, "colour")),
                )
          }),
        )
        const chat = yield* connect({ threadId: "t" })
        const tools = [{ name: "colour", description: "A colour", parameters: { type: "object" } }]
        yield* chat.say("Which?", { runId: "first", tools })
        for (const [index, runId] of ["first", "second"].entries()) {
          const waiting = yield* look("t")
          deepStrictEqual(
            [waiting.status, waiting.runId, waiting.pendingToolCallIds, waiting.interrupts],
            ["waiting", runId, [`call-${index}`], []],
          )
          deepStrictEqual(waiting.messages, plain(chat.agent.messages))
          for (const peer of peers) {
            const page = yield* comeBack("t", peer)
            yield* page.done
            strictEqual(page.all.at(-1)?.["runId"], runId)
            deepStrictEqual(plain(page.agent.messages), waiting.messages)
          }
          deepStrictEqual(yield* stop("t", { runId: "another" }), { stopped: false, runId: null })
          const toolCallId = `call-${index}`
          chat.agent.addMessage({ id: `result-${index}`, role: "tool", toolCallId, content: "blue" })
          yield* (yield* chat.run({ runId: index === 0 ? "second" : "third", tools })).done
        }
        strictEqual(chat.answer(), "Done")
        const done = yield* look("t")
        deepStrictEqual([done.status, done.messages], ["idle", plain(chat.agent.messages)])
      }),
    )

    test(
      "tell a run that works what it does not have, by the ids of the messages",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(() =>
            Effect.gen(function* () {
              const keys: Array<string | undefined> = []
              while (keys.at(-1) !== "u3") keys.push((yield* Inbox.take("take", { key: keys.length })).key)
              return keys.join()
            }),
          ),
        )
        const chat = yield* connect({ threadId: "t" })
        chat.agent.addMessage({ id: "u1", role: "user", content: "Write" })
        const running = yield* chat.run()
        yield* until(running.events, "RUN_STARTED")
        const user = (id: string) => ({ id, role: "user", content: id })
        const steer = (...ids: ReadonlyArray<string>) =>
          Effect.map(
            call("POST", "/ag-ui/agent", {
              body: {
                threadId: "t",
                runId: ids.join("-"),
                messages: ids.map(user),
                tools: [],
                context: [],
                state: {},
                forwardedProps: { runlease: { steer: true } },
              },
            }),
            ({ status, text }) => [status, ...(text.match(/RUN_(STARTED|FINISHED)/g) ?? [])],
          )
        const answered = [200, "RUN_STARTED", "RUN_FINISHED"]
        deepStrictEqual(yield* steer("u1"), answered)
        deepStrictEqual(yield* steer("u1", "u2"), answered)
        deepStrictEqual(yield* steer("u1", "u2", "u3"), answered)
        yield* running.done
        strictEqual(chat.answer(), "u2,u3")
      }),
    )

    test(
      "are for an API key of their project",
      Effect.gen(function* () {
        const { json } = yield* call("POST", "/agent-workers/projects/default/workers", {
          body: { implementation_kind: "kind", worker_key: "w" },
        })
        for (const [method, path] of [
          ["GET", "/threads/t"],
          ["GET", "/threads/t/stream"],
          ["POST", "/threads/t/stop"],
        ] as const) {
          strictEqual((yield* call(method, path, { token: null })).status, 401)
          strictEqual((yield* call(method, path, { token: json.token })).status, 403)
        }
        deepStrictEqual((yield* call("GET", `/threads/${"x".repeat(1025)}`)).status, 400)
      }),
    )

    test(
      "stop the run that has its turn, and none behind it",
      Effect.gen(function* () {
        const endless = yield* TestWorker.makeEndless
        yield* TestWorker.start((run) =>
          RequestSnapshot.lastUserText(run.snapshot) === "endless"
            ? endless.execute(run)
            : Executor.from(() => Effect.succeed("done"))(run),
        )
        const chat = yield* connect({ threadId: "t", query: "?detach=true" })
        const behind = yield* connect({ threadId: "t", query: "?detach=true" })
        chat.agent.addMessage({ id: "u1", role: "user", content: "endless" })
        const { done } = yield* chat.run({ runId: "r1" })
        yield* Queue.take(endless.started)
        behind.agent.addMessage({ id: "u2", role: "user", content: "short" })
        const second = yield* behind.run({ runId: "r2" })
        yield* untilStatus("r2", "pending")
        const thread = yield* look("t")
        deepStrictEqual([thread.runId, thread.queuedRunIds], ["r1", ["r2"]])
        deepStrictEqual(
          thread.messages.map(({ id }: { id: string }) => id),
          ["u1", "u2"],
        )
        deepStrictEqual(yield* stop("t", { runId: "r2" }), { stopped: false, runId: null })
        deepStrictEqual(yield* stop("t", { runId: "r1" }), { stopped: true, runId: "r1" })
        yield* done
        yield* second.done
        deepStrictEqual([yield* statusOf("r1"), yield* statusOf("r2")], ["cancelled", "completed"])
        strictEqual(behind.answer(), "done")
        deepStrictEqual(yield* stop("t"), { stopped: false, runId: null })
      }),
    )

    test(
      "queue a second run, or refuse it where its client says so",
      Effect.gen(function* () {
        const endless = yield* TestWorker.makeEndless
        yield* TestWorker.start(endless.execute)
        const first = yield* connect({ threadId: "t", query: "?detach=true" })
        yield* first.run({ runId: "r1" })
        yield* Queue.take(endless.started)
        const refusing = yield* connect({ threadId: "t", query: "?busy=refuse" })
        const refused = yield* Effect.flip(refusing.say("now"))
        deepStrictEqual([refused.status, refused.payload?.error], [409, "thread_busy"])
        assertTrue(refused.payload?.detail?.includes("r1") === true)
        // The run itself, asked for again, is no second one.
        const again = yield* connect({ threadId: "t", query: "?busy=refuse&detach=true" })
        const { events } = yield* again.run({ runId: "r1" })
        yield* until(events, "RUN_STARTED")
        strictEqual((yield* look("t")).queuedRunIds.length, 0)
        yield* stop("t")
        yield* untilThread("t", "idle")
        yield* TestWorker.start(Executor.from(() => Effect.succeed("fine")))
      }),
    )

    test(
      "accept one of two runs at once, where both are to be refused on a busy thread",
      Effect.gen(function* () {
        const endless = yield* TestWorker.makeEndless
        yield* TestWorker.start(endless.execute)
        const answers = yield* Effect.forEach(
          ["a", "b", "c", "d"],
          (runId) =>
            Effect.gen(function* () {
              const chat = yield* connect({ threadId: "t", query: "?busy=refuse&detach=true" })
              const { done, events } = yield* chat.run({ runId })
              return yield* Effect.raceFirst(
                Effect.as(until(events, "RUN_STARTED"), "accepted"),
                Effect.as(Effect.flip(done), "refused"),
              )
            }),
          { concurrency: "unbounded" },
        )
        deepStrictEqual(answers.toSorted(), ["accepted", "refused", "refused", "refused"])
        strictEqual((yield* look("t")).queuedRunIds.length, 0)
      }),
    )
  })
}
