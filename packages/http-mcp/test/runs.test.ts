import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Ids, Interrupts, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Fiber, Layer, Option, Schema, Stream } from "effect"
import { describe } from "vitest"
import { client, serve, Served } from "../../http/test/serving.js"
import { legacy, messagesOf, meta, modern, request, tool, withTasks } from "./messages.js"
import * as McpFace from "../src/McpFace.js"

class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", { pull: Schema.Int }) {}

const Review = Agent.make({
  name: "review",
  payload: { pull: Schema.Int },
  success: Schema.Struct({ approved: Schema.Boolean }),
  error: TooLarge,
})
const Chat = Agent.make({ name: "chat" })
const Careful = Agent.make({ name: "careful" })
const Generous = Agent.make({ name: "generous" })
const Naming = Agent.make({ name: "naming" })
const Ping = Agent.make({ name: "ping", payload: {}, success: Schema.Literal("pong") })

const agents = Layer.mergeAll(
  Review.toLayer(({ pull }) => (pull > 100 ? new TooLarge({ pull }) : Effect.succeed({ approved: true }))),
  Chat.toLayer((text) => Effect.succeed(`You wrote: ${text}`)),
  Careful.toLayer((text) =>
    Effect.map(Interrupts.approve("sure", { message: `Is ${text} right?`, about: { pages: 12 } }), (yes) =>
      yes ? "done" : "left",
    ),
  ),
  Generous.toLayer(() =>
    Effect.map(
      Interrupts.approve("refund", {
        message: "Refund?",
        about: { euros: 40 },
        editable: Schema.Struct({ euros: Schema.Number }),
      }),
      ({ approved, edited, value }) => `${approved} ${value.euros} ${edited}`,
    ),
  ),
  Ping.toLayer(() => Effect.succeed("pong" as const)),
  Naming.toLayer(() => Interrupts.ask("name", { message: "Which name?" })),
)

const server = Layer.provideMerge(client, serve(MemoryControlPlane.layer, { faces: [McpFace.face] }))

const test = <A, E>(title: string, body: Effect.Effect<A, E, Layer.Layer.Success<typeof server>>) =>
  it.live(title, () => Effect.provide(body, server))

/** While a worker of these agents works. */
const working = <A, E, R>(body: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(Layer.launch(Layer.provide(Worker.layer, agents)))
    const runs = yield* Runs.Runs
    // The worker names its agents when it registers.
    yield* runs.submit({
      publicId: "first",
      agentId: "chat",
      snapshot: { messages: [], tools: [], context: [] },
    })
    yield* Effect.repeat(runs.get(Ids.RunId.make("first")), { until: ({ status }) => status === "completed" })
    const result = yield* body
    yield* Fiber.interrupt(fiber)
    return result
  })

const tasks = { capabilities: withTasks }

/** The task once it is in one of these states. */
const taskOnce = (taskId: string, ...states: ReadonlyArray<string>) =>
  Effect.repeat(
    Effect.map(request("tasks/get", { taskId }, tasks), ({ json }) => json.result),
    { until: (task) => states.includes(task.status) },
  )

/** The result of a call whose answer may be an event stream. */
const resultOf = (answer: Effect.Effect.Success<ReturnType<typeof request>>) =>
  // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into whatever came
  (answer.json ?? messagesOf(answer).at(-1))?.result as any

describe("run_agent", () => {
  test(
    "waits for the outcome, and tells how the run goes to a client that asks for it",
    working(
      Effect.gen(function* () {
        const answer = yield* tool(
          "run_agent",
          { agent_id: "chat", message: "hi" },
          { meta: { progressToken: "p" } },
        )
        strictEqual(answer.headers.get("content-type"), "text/event-stream")
        const messages = messagesOf(answer)
        const result = resultOf(answer)
        deepStrictEqual(
          [result.resultType, result.isError, result.structuredContent.status, result.structuredContent.text],
          ["complete", false, "completed", "You wrote: hi"],
        )
        deepStrictEqual(JSON.parse(result.content[0].text), result.structuredContent)
        const progress = messages.slice(0, -1)
        assertTrue(progress.length > 0)
        let last = 0
        for (const { method, params } of progress as ReadonlyArray<{
          method: string
          params: Record<string, number>
        }>) {
          deepStrictEqual([method, params["progressToken"]], ["notifications/progress", "p"])
          assertTrue(params["progress"]! > last)
          last = params["progress"]!
        }
        const silent = yield* tool("run_agent", { agent_id: "chat", message: "hi" })
        strictEqual(messagesOf(silent).length, 1)
        const old = yield* legacy("tools/call", {
          name: "run_agent",
          arguments: { agent_id: "chat", message: "hi" },
        })
        strictEqual(resultOf(old).structuredContent.text, "You wrote: hi")
        strictEqual("resultType" in resultOf(old), false)
      }),
    ),
  )

  test(
    "gives a value, a failure and a problem of the payload as results that a model reads",
    working(
      Effect.gen(function* () {
        const good = resultOf(yield* tool("run_agent", { agent_id: "review", input: { pull: 1 } }))
        deepStrictEqual([good.isError, good.structuredContent.result], [false, { approved: true }])
        const failed = resultOf(yield* tool("run_agent", { agent_id: "review", input: { pull: 101 } }))
        deepStrictEqual([failed.isError, failed.structuredContent.error.code], [true, "TooLarge"])
        const wrong = resultOf(yield* tool("run_agent", { agent_id: "review", input: { pull: "x" } }))
        deepStrictEqual([wrong.isError, wrong.structuredContent], [true, undefined])
        strictEqual(wrong.content[0].text, "The payload of agent review does not fit: `pull` is no integer")
        const nothing = resultOf(yield* tool("run_agent", { agent_id: "review" }))
        strictEqual(nothing.content[0].text, "An agent needs a `message` or an `input`")
      }),
    ),
  )

  test(
    "begins one run for one id, for one key, and two for a progress token that comes again",
    Effect.gen(function* () {
      const begin = (args: object, more: object = {}) =>
        Effect.map(
          tool("run_agent", { agent_id: "chat", message: "hi", wait_seconds: 0, ...args }, { meta: more }),
          (answer) => resultOf(answer).structuredContent.run_id as string,
        )
      strictEqual(yield* begin({ run_id: "mine" }), "mine")
      strictEqual(yield* begin({ run_id: "mine" }), "mine")
      const key = { "io.github.runlease/idempotencyKey": "k" }
      const first = yield* begin({}, key)
      strictEqual(yield* begin({}, key), first)
      const token = { progressToken: 1 }
      assertTrue((yield* begin({}, token)) !== (yield* begin({}, token)))
      const { items } = yield* (yield* Runs.Runs).list()
      strictEqual(items.length, 4)
      const other = resultOf(yield* tool("run_agent", { agent_id: "chat", message: "other", run_id: "mine" }))
      deepStrictEqual([other.isError, other.content[0].text.includes("mine exists")], [true, true])
    }),
  )

  test(
    "gives the run as it is when the wait is over, and the run goes on",
    Effect.gen(function* () {
      const answer = yield* tool("run_agent", {
        agent_id: "chat",
        message: "hi",
        wait_seconds: 1,
        run_id: "slow",
      })
      const { next, status } = resultOf(answer).structuredContent
      strictEqual(status, "pending")
      assertTrue(next.includes("get_run, run_id slow"))
      yield* working(
        Effect.gen(function* () {
          const { structuredContent } = resultOf(yield* tool("get_run", { run_id: "slow", wait_seconds: 50 }))
          deepStrictEqual([structuredContent.status, structuredContent.text], ["completed", "You wrote: hi"])
        }),
      )
    }),
  )

  test(
    "shows what a run asks, and answer_run lets it go on",
    working(
      Effect.gen(function* () {
        const waiting = resultOf(
          yield* tool("run_agent", { agent_id: "careful", message: "it", run_id: "ask" }),
        )
        const { questions, status } = waiting.structuredContent
        deepStrictEqual([waiting.isError, status, questions[0].message], [false, "waiting", "Is it right?"])
        deepStrictEqual(questions[0].about, { pages: 12 })
        const answers = [{ interrupt_id: questions[0].interrupt_id, payload: { approved: true } }]
        for (let times = 0; times < 2; times += 1) {
          strictEqual(resultOf(yield* tool("answer_run", { run_id: "ask", answers })).isError, false)
        }
        const done = resultOf(yield* tool("get_run", { run_id: "ask", wait_seconds: 50 }))
        strictEqual(done.structuredContent.text, "done")
        const late = [{ ...answers[0]!, payload: { approved: false } }]
        strictEqual(resultOf(yield* tool("answer_run", { run_id: "ask", answers: late })).isError, true)
      }),
    ),
  )
})

describe("the other tools", () => {
  test(
    "list, cancel and read runs",
    Effect.gen(function* () {
      for (const run_id of ["one", "two", "three"]) {
        yield* tool("run_agent", { agent_id: run_id, message: "hi", run_id, wait_seconds: 0 })
      }
      const listed = (args: object) =>
        Effect.map(tool("list_runs", args), (answer) => resultOf(answer).structuredContent)
      const page = yield* listed({ limit: 2 })
      deepStrictEqual(
        page.runs.map((run: { run_id: string }) => run.run_id),
        ["three", "two"],
      )
      strictEqual((yield* listed({ cursor: page.next })).runs[0].run_id, "one")
      strictEqual((yield* listed({ agent_id: "two" })).runs.length, 1)
      const cancelled = resultOf(yield* tool("cancel_run", { run_id: "two" }))
      deepStrictEqual([cancelled.isError, cancelled.structuredContent.status], [false, "cancelled"])
      strictEqual((yield* listed({ status: "cancelled" })).runs.length, 1)
      const again = { run_id: "two", new_run_id: "two-again", from_start: true, wait_seconds: 0 }
      for (let times = 0; times < 2; times += 1) {
        const { structuredContent } = resultOf(yield* tool("retry_run", again))
        deepStrictEqual([structuredContent.run_id, structuredContent.status], ["two-again", "pending"])
      }
      strictEqual(resultOf(yield* tool("retry_run", { ...again, from_start: false })).isError, true)
      const keyed = Effect.map(
        tool(
          "retry_run",
          { run_id: "two", wait_seconds: 0 },
          { meta: { "io.github.runlease/idempotencyKey": "k" } },
        ),
        (answer) => resultOf(answer).structuredContent.run_id as string,
      )
      strictEqual(yield* keyed, yield* keyed)
      const { events, next_after_event_id } = resultOf(
        yield* tool("read_log", { run_id: "two" }),
      ).structuredContent
      strictEqual(next_after_event_id, events.at(-1).event_id)
      strictEqual(events.at(-1).event.outcome.type, "cancelled")
      const end = { run_id: "two", after_event_id: next_after_event_id }
      deepStrictEqual(resultOf(yield* tool("read_log", end)).structuredContent, {
        events: [],
        next_after_event_id: null,
      })
      const starts = { run_id: "two", types: ["RUN_STARTED"] }
      strictEqual(resultOf(yield* tool("read_log", starts)).structuredContent.events.length, 1)
    }),
  )

  test(
    "one for each agent of a worker, where the address says so",
    working(
      Effect.gen(function* () {
        const path = "/mcp?agents=true"
        const { json } = yield* request("tools/list", {}, { path })
        const found = json.result.tools.slice(7)
        deepStrictEqual(
          found.map(({ name }: { name: string }) => name),
          ["careful", "chat", "generous", "naming", "ping", "review"],
        )
        deepStrictEqual(found[5].inputSchema.properties.pull.type, "integer")
        deepStrictEqual(found[1].inputSchema.required, ["message"])
        const review = resultOf(yield* tool("review", { pull: 1 }, { path }))
        deepStrictEqual(review.structuredContent.result, { approved: true })
        deepStrictEqual(found[4].inputSchema, { type: "object", properties: {} })
        strictEqual(resultOf(yield* tool("ping", {}, { path })).structuredContent.result, "pong")
        const chat = resultOf(yield* tool("chat", { message: "hi" }, { path }))
        strictEqual(chat.structuredContent.text, "You wrote: hi")
        strictEqual(resultOf(yield* tool("chat", {}, { path })).isError, true)
        strictEqual((yield* tool("chat", { message: "hi" })).json.error.code, -32602)
      }),
    ),
  )
})

describe("tasks", () => {
  test(
    "have the ids of their runs, and the result of the call at their end",
    working(
      Effect.gen(function* () {
        const { json } = yield* tool("run_agent", { agent_id: "chat", message: "hi", run_id: "task" }, tasks)
        const { createdAt, lastUpdatedAt, pollIntervalMs, resultType, status, taskId, ttlMs } = json.result
        deepStrictEqual(
          [resultType, taskId, status, ttlMs, pollIntervalMs],
          ["task", "task", "working", null, 1000],
        )
        assertTrue([createdAt, lastUpdatedAt].every((time) => !Number.isNaN(Date.parse(time))))
        const done = yield* taskOnce("task", "completed")
        deepStrictEqual([done.resultType, done.result.isError], ["complete", false])
        strictEqual(done.result.structuredContent.text, "You wrote: hi")
        yield* tool("run_agent", { agent_id: "review", input: { pull: 101 }, run_id: "bad" }, tasks)
        strictEqual((yield* taskOnce("bad", "completed")).result.isError, true)
      }),
    ),
  )

  test(
    "ask with a form, by keys that come once, and go on with the answers",
    working(
      Effect.gen(function* () {
        yield* tool("run_agent", { agent_id: "careful", message: "it", run_id: "form" }, tasks)
        const { inputRequests } = yield* taskOnce("form", "input_required")
        const [[key, { method, params }]] = Object.entries(inputRequests) as [
          [
            string,
            { method: string; params: { mode: string; message: string; requestedSchema: { type: string } } },
          ],
        ]
        deepStrictEqual(
          [method, params.mode, params.message],
          ["elicitation/create", "form", 'Is it right?\n\n{\n  "pages": 12\n}'],
        )
        strictEqual(params.requestedSchema.type, "object")
        const update = (inputResponses: object) =>
          request("tasks/update", { taskId: "form", inputResponses }, tasks)
        deepStrictEqual((yield* update({ other: { action: "accept" } })).json.result.resultType, "complete")
        strictEqual((yield* taskOnce("form", "input_required")).status, "input_required")
        const yes = { [key]: { action: "accept", content: { approved: true } } }
        for (let times = 0; times < 2; times += 1) strictEqual((yield* update(yes)).json.error, undefined)
        strictEqual((yield* taskOnce("form", "completed")).result.structuredContent.text, "done")
      }),
    ),
  )

  test(
    "ask for edits of an approval as text, and refuse those that do not fit",
    working(
      Effect.gen(function* () {
        yield* tool("run_agent", { agent_id: "generous", message: "it", run_id: "edits" }, tasks)
        const { inputRequests } = yield* taskOnce("edits", "input_required")
        const [key] = Object.keys(inputRequests)
        const { approved, editedArgs } = inputRequests[key!].params.requestedSchema.properties
        deepStrictEqual([approved.type, editedArgs.type], ["boolean", "string"])
        assertTrue(editedArgs.description.includes('"euros"'))
        const update = (content: object) =>
          request(
            "tasks/update",
            { taskId: "edits", inputResponses: { [key!]: { action: "accept", content } } },
            tasks,
          )
        const wrong = yield* update({ approved: true, editedArgs: '{"euros":"many"}' })
        strictEqual(wrong.json.error.message, "payload.editedArgs: `euros` is no number")
        strictEqual((yield* taskOnce("edits", "input_required")).status, "input_required")
        yield* update({ approved: true, editedArgs: '{"euros":30}' })
        const done = yield* taskOnce("edits", "completed")
        strictEqual(done.result.structuredContent.text, "true 30 true")
      }),
    ),
  )

  test(
    "ask for a text in a field of its own, and work on for a client without forms",
    working(
      Effect.gen(function* () {
        yield* tool("run_agent", { agent_id: "naming", message: "it", run_id: "text" }, tasks)
        const { inputRequests } = yield* taskOnce("text", "input_required")
        const [key] = Object.keys(inputRequests)
        deepStrictEqual(Object.keys(inputRequests[key!].params.requestedSchema.properties), ["answer"])
        const { elicitation: _, ...formless } = withTasks
        const seen = yield* request("tasks/get", { taskId: "text" }, { capabilities: formless })
        deepStrictEqual([seen.json.result.status, seen.json.result.inputRequests], ["working", undefined])
        yield* request(
          "tasks/update",
          { taskId: "text", inputResponses: { [key!]: { action: "accept", content: { answer: "Ada" } } } },
          tasks,
        )
        strictEqual((yield* taskOnce("text", "completed")).result.structuredContent.text, "Ada")
      }),
    ),
  )

  test(
    "are cancelled, and are not found where there is no run",
    Effect.gen(function* () {
      yield* tool("run_agent", { agent_id: "chat", message: "hi", run_id: "gone" }, tasks)
      const { json } = yield* request("tasks/cancel", { taskId: "gone" }, tasks)
      deepStrictEqual([json.result.resultType, json.result.status], ["complete", undefined])
      strictEqual((yield* taskOnce("gone", "cancelled")).status, "cancelled")
      for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
        for (const taskId of ["nowhere", ""]) {
          const { json: refused, status } = yield* request(method, { taskId, inputResponses: {} }, tasks)
          deepStrictEqual([status, refused.error.code], [200, -32602])
        }
      }
    }),
  )

  test(
    "tell their states to a client that listens, after an acknowledgement",
    working(
      Effect.gen(function* () {
        yield* tool("run_agent", { agent_id: "careful", message: "it", run_id: "heard" }, tasks)
        const heard = yield* listening(["heard", "nowhere"], "input_required")
        deepStrictEqual(heard[0], {
          jsonrpc: "2.0",
          method: "notifications/subscriptions/acknowledged",
          params: {
            notifications: { taskIds: ["heard", "nowhere"] },
            _meta: { "io.modelcontextprotocol/subscriptionId": 1 },
          },
        })
        for (const { method, params } of heard.slice(1)) {
          deepStrictEqual(
            [method, params.taskId, params._meta["io.modelcontextprotocol/subscriptionId"]],
            ["notifications/tasks", "heard", 1],
          )
        }
        const refused = yield* request("subscriptions/listen", { notifications: { taskIds: ["heard"] } })
        deepStrictEqual([refused.status, refused.json.error.code], [400, -32021])
      }),
    ),
  )
})

/** What a client hears of tasks until one of them is in a state. */
const listening = (taskIds: ReadonlyArray<string>, state: string) =>
  Effect.flatMap(Served, ({ key, url }) =>
    Stream.unwrapScoped(
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => new AbortController()),
          (controller) => Effect.sync(() => controller.abort()),
        ),
        ({ signal }) =>
          Stream.fromAsyncIterable(
            (async function* () {
              const response = await fetch(`${url}/mcp`, {
                method: "POST",
                signal,
                headers: {
                  accept: "application/json, text/event-stream",
                  authorization: `Bearer ${key}`,
                  "content-type": "application/json",
                  "mcp-protocol-version": modern,
                  "mcp-method": "subscriptions/listen",
                },
                body: JSON.stringify({
                  jsonrpc: "2.0",
                  id: 1,
                  method: "subscriptions/listen",
                  params: { notifications: { taskIds }, _meta: meta(withTasks) },
                }),
              })
              yield* response.body!
            })(),
            (error) => error,
          ),
      ),
    ).pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.filterMap((line) =>
        // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into whatever came
        line.startsWith("data: ") ? Option.some(JSON.parse(line.slice(6)) as any) : Option.none(),
      ),
      Stream.takeUntil(({ params }) => params.status === state),
      Stream.runCollect,
      Effect.map((messages) => Array.from(messages)),
    ),
  )
