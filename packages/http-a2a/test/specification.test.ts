/**
 * The rules of A2A 1.0 that a server must keep, each by its section, over both bindings where both have it.
 *
 * Source: https://a2a-protocol.org/v1.0.0/specification
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Emit, Executor, Interrupts, RequestSnapshot } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect } from "effect"
import { testerWith } from "../../http/test/agui/HttpAgents.js"
import { type Answer, type Call, call } from "../../http/test/raw.js"
import { Served } from "../../http/test/serving.js"
import * as A2aFace from "../src/A2aFace.js"

const tester = testerWith({ faces: [A2aFace.face] })

const test = tester(MemoryControlPlane.layer)

type Json = Answer["json"]

const version = { "a2a-version": "1.0" }

const rpc = (method: string, params: unknown, options: Call = {}) =>
  call("POST", "/a2a/agent", {
    body: { jsonrpc: "2.0", id: 7, method, params },
    ...options,
    headers: { ...version, ...options.headers },
  })

const rest = (method: string, path: string, options: Call = {}) =>
  call(method, `/a2a/agent${path}`, { ...options, headers: { ...version, ...options.headers } })

const messageOf = (text: string, more: object = {}) => ({
  message: { messageId: `m-${text}`, role: "ROLE_USER", parts: [{ text }], ...more },
})

/** Sends a message and does not wait. */
const begin = (text: string, more: object = {}) =>
  Effect.map(
    rpc("SendMessage", { ...messageOf(text, more), configuration: { returnImmediately: true } }),
    ({ json }) => json.result.task,
  )

const echo = Executor.from((run) => Emit.text(RequestSnapshot.lastUserText(run.snapshot)))

const frames = (text: string): ReadonlyArray<Json> =>
  text
    .split("\n\n")
    .filter((frame) => frame.startsWith("data: "))
    .map((frame) => JSON.parse(frame.slice("data: ".length)))

/** A stream whose first element has come. */
const opened = (path: string) =>
  Effect.flatMap(Served, ({ key, url }) =>
    Effect.promise(async () => {
      const { body } = await fetch(`${url}/a2a/agent${path}`, {
        headers: { ...version, authorization: `Bearer ${key}` },
      })
      const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
      let text = ""
      const more = async (isEnough: () => boolean): Promise<void> => {
        while (!isEnough()) {
          const { done, value } = await reader.read()
          if (done) return
          text += value
        }
      }
      await more(() => text.includes("data: "))
      return {
        close: () => reader.cancel(),
        rest: async () => {
          await more(() => false)
          return text
        },
      }
    }),
  )

const reasonOf = (error: Json): string => (error.data ?? error.details)[0].reason

/** An error of A2A's own, by both bindings: its code, its HTTP status and its name. */
const refused = (
  reason: string,
  code: number,
  status: number,
  byRpc: ReturnType<typeof rpc>,
  byRest: ReturnType<typeof rest>,
) =>
  Effect.gen(function* () {
    const { json: answered, status: rpcStatus } = yield* byRpc
    deepStrictEqual(
      [rpcStatus, answered.jsonrpc, answered.id, answered.error.code, reasonOf(answered.error)],
      [200, "2.0", 7, code, reason],
    )
    assertTrue(answered.error.message.length > 10)
    const direct = yield* byRest
    deepStrictEqual(
      [direct.status, direct.json.error.code, reasonOf(direct.json.error)],
      [status, status, reason],
    )
    strictEqual(direct.json.error.details[0].domain, "a2a-protocol.org")
    assertTrue(direct.headers.get("content-type")?.startsWith("application/a2a+json") === true)
  })

describe("A2A 1.0, section 3", () => {
  test(
    "3.1.1, 3.2.2: a call waits until the task has ended or asks, unless it is to return at once",
    Effect.gen(function* () {
      const task = yield* begin("later")
      strictEqual(task.status.state, "TASK_STATE_SUBMITTED")
      yield* TestWorker.start(echo)
      const { json } = yield* rpc("SendMessage", messageOf("now"))
      strictEqual(json.result.task.status.state, "TASK_STATE_COMPLETED")
      deepStrictEqual(
        json.result.task.artifacts.map(({ parts }: Json) => parts[0].text),
        ["now"],
      )
    }),
  )

  test(
    "3.1.2: a stream begins with the task, and ends when it has ended",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const { headers, text } = yield* rpc("SendStreamingMessage", messageOf("hi"))
      strictEqual(headers.get("content-type"), "text/event-stream")
      const found = frames(text)
      assertTrue(found.every(({ id, jsonrpc }) => id === 7 && jsonrpc === "2.0"))
      assertTrue(found[0].result.task !== undefined)
      assertTrue(found.slice(1).every(({ result }) => result.task === undefined))
      strictEqual(found.at(-1).result.statusUpdate.status.state, "TASK_STATE_COMPLETED")
      const direct = yield* rest("POST", "/message:stream", { body: messageOf("ho") })
      assertTrue(frames(direct.text)[0].task !== undefined)
      strictEqual(frames(direct.text).at(-1).statusUpdate.status.state, "TASK_STATE_COMPLETED")
    }),
  )

  test(
    "3.1.4: lists the last change first, without artifacts unless asked, and says where the next page begins",
    Effect.gen(function* () {
      const first = yield* begin("a")
      const second = yield* begin("b")
      yield* rpc("CancelTask", { id: first.id })
      const list = (params: object) => Effect.map(rpc("ListTasks", params), ({ json }) => json.result)
      const all = yield* list({})
      deepStrictEqual(
        all.tasks.map(({ id }: Json) => id),
        [first.id, second.id],
      )
      assertTrue(all.tasks.every((task: object) => !("artifacts" in task)))
      deepStrictEqual([all.nextPageToken, all.totalSize, all.pageSize], ["", 2, 50])
      const page = yield* list({ pageSize: 1 })
      deepStrictEqual([page.tasks[0].id, page.totalSize], [first.id, 2])
      const next = yield* list({ pageSize: 1, pageToken: page.nextPageToken, includeArtifacts: true })
      deepStrictEqual([next.tasks[0].id, next.tasks[0].artifacts, next.nextPageToken], [second.id, [], ""])
      const cancelled = yield* rest("GET", "/tasks?status=TASK_STATE_CANCELED&historyLength=0")
      deepStrictEqual(
        cancelled.json.tasks.map(({ history, id }: Json) => [id, history]),
        [[first.id, undefined]],
      )
      deepStrictEqual((yield* list({ contextId: second.contextId })).totalSize, 1)
      deepStrictEqual((yield* list({ statusTimestampAfter: "2100-01-01T00:00:00Z" })).tasks, [])
      strictEqual((yield* list({ status: "TASK_STATE_REJECTED" })).totalSize, 0)
    }),
  )

  test(
    "3.1.5, 3.3.1: cancels, again too, and not what has ended otherwise",
    Effect.gen(function* () {
      const task = yield* begin("a")
      for (const _ of [1, 2]) {
        const { json } = yield* rest("POST", `/tasks/${task.id}:cancel`)
        strictEqual(json.status.state, "TASK_STATE_CANCELED")
      }
      yield* TestWorker.start(echo)
      const { json } = yield* rpc("SendMessage", messageOf("done"))
      const { id } = json.result.task
      yield* refused(
        "TASK_NOT_CANCELABLE",
        -32002,
        400,
        rpc("CancelTask", { id }),
        rest("POST", `/tasks/${id}:cancel`),
      )
    }),
  )

  test(
    "3.1.6, 3.5.2: each of several streams begins with the task as it is, and closing one changes nothing",
    Effect.gen(function* () {
      const task = yield* begin("a")
      const path = `/tasks/${task.id}:subscribe`
      const [one, two, left] = [yield* opened(path), yield* opened(path), yield* opened(path)]
      yield* Effect.promise(left.close)
      yield* TestWorker.start(echo)
      const texts = [yield* Effect.promise(one.rest), yield* Effect.promise(two.rest)].map(frames)
      deepStrictEqual(texts[0], texts[1])
      for (const found of texts) {
        strictEqual(found[0].task.id, task.id)
        strictEqual(found.at(-1).statusUpdate.status.state, "TASK_STATE_COMPLETED")
      }
      yield* refused(
        "UNSUPPORTED_OPERATION",
        -32004,
        400,
        rpc("SubscribeToTask", { id: task.id }),
        rest("POST", `/tasks/${task.id}:subscribe`),
      )
    }),
  )

  test(
    "3.2.4: gives no more messages than asked for",
    Effect.gen(function* () {
      const { id } = yield* begin("a")
      yield* rpc("SendMessage", {
        ...messageOf("b", { taskId: id }),
        configuration: { returnImmediately: true },
      })
      const lengths = (historyLength?: number) =>
        Effect.map(rpc("GetTask", { id, historyLength }), ({ json }) => json.result.history?.length)
      deepStrictEqual(
        [yield* lengths(), yield* lengths(0), yield* lengths(1), yield* lengths(9)],
        [2, undefined, 1, 2],
      )
    }),
  )

  test(
    "3.3.2, 5.4: what there is not, is not found, by whatever operation",
    Effect.gen(function* () {
      const { id } = yield* begin("a")
      for (const [byRpc, byRest] of [
        [rpc("GetTask", { id: "none" }), rest("GET", "/tasks/none")],
        [rpc("CancelTask", { id: "none" }), rest("POST", "/tasks/none:cancel")],
        [rpc("SubscribeToTask", { id: "none" }), rest("GET", "/tasks/none:subscribe")],
        [
          rpc("SendMessage", messageOf("x", { taskId: "none" })),
          rest("POST", "/message:send", { body: messageOf("x", { taskId: "none" }) }),
        ],
        // A task of another agent is none of this one.
        [
          call("POST", "/a2a/other", {
            body: { jsonrpc: "2.0", id: 7, method: "GetTask", params: { id } },
            headers: version,
          }),
          call("GET", `/a2a/other/tasks/${id}`, { headers: version }),
        ],
      ] as const) {
        yield* refused("TASK_NOT_FOUND", -32001, 404, byRpc, byRest)
      }
    }),
  )

  test(
    "3.3.4: push notifications are not supported, and every operation says so",
    Effect.gen(function* () {
      const configs = "/tasks/t/pushNotificationConfigs"
      const push = { taskId: "t", url: "https://example.org" }
      for (const [byRpc, byRest] of [
        [rpc("CreateTaskPushNotificationConfig", push), rest("POST", configs, { body: push })],
        [rpc("GetTaskPushNotificationConfig", { taskId: "t", id: "c" }), rest("GET", `${configs}/c`)],
        [rpc("ListTaskPushNotificationConfigs", { taskId: "t" }), rest("GET", configs)],
        [rpc("DeleteTaskPushNotificationConfig", { taskId: "t", id: "c" }), rest("DELETE", `${configs}/c`)],
        [
          rpc("SendMessage", { ...messageOf("a"), configuration: { taskPushNotificationConfig: push } }),
          rest("POST", "/message:send", {
            body: { ...messageOf("a"), configuration: { taskPushNotificationConfig: push } },
          }),
        ],
      ] as const) {
        yield* refused("PUSH_NOTIFICATION_NOT_SUPPORTED", -32003, 400, byRpc, byRest)
      }
    }),
  )

  test(
    "3.4.1: makes a context, keeps that of a client, and is another task each time",
    Effect.gen(function* () {
      const made = yield* begin("a")
      assertTrue(made.contextId.length > 0)
      const own = yield* begin("a", { contextId: "my context" })
      strictEqual(own.contextId, "my context")
      strictEqual((yield* rpc("GetTask", { id: own.id })).json.result.contextId, "my context")
      // A page writes any metadata of its conversation, which names no context by that.
      const page = yield* call("POST", "/conversations", { body: { metadata: { threadId: "my context" } } })
      const { json } = yield* call("POST", "/runs", {
        body: {
          kind: "agent",
          owner: { kind: "conversation", id: page.json.id },
          request: { agent_id: "agent" },
        },
      })
      const shown = yield* rpc("GetTask", { id: json.run.run_id })
      strictEqual(shown.json.result.contextId, page.json.id)
      assertTrue(own.id !== made.id)
    }),
  )

  test(
    "3.4.3: infers the context of a task, refuses another, and takes no message for a task that has ended",
    Effect.gen(function* () {
      const task = yield* begin("a")
      const told = yield* begin("b", { taskId: task.id })
      strictEqual(told.contextId, task.contextId)
      const { json } = yield* rpc("SendMessage", messageOf("c", { taskId: task.id, contextId: "another" }))
      deepStrictEqual(
        [json.error.code, json.error.data[0].fieldViolations[0].field],
        [-32602, "message.contextId"],
      )
      yield* rpc("CancelTask", { id: task.id })
      const more = messageOf("d", { taskId: task.id })
      yield* refused(
        "UNSUPPORTED_OPERATION",
        -32004,
        400,
        rpc("SendMessage", more),
        rest("POST", "/message:send", { body: more }),
      )
    }),
  )

  test(
    "3.4.3: a task that asks takes the next message as the answer",
    Effect.gen(function* () {
      yield* TestWorker.start(
        Executor.from(() =>
          Effect.flatMap(Interrupts.ask("who", { message: "Who?" }), (who) => Emit.text(`Hello ${who}`)),
        ),
      )
      const { json } = yield* rest("POST", "/message:send", { body: messageOf("hi") })
      strictEqual(json.task.status.state, "TASK_STATE_INPUT_REQUIRED")
      strictEqual(json.task.status.message.parts[0].text, "Who?")
      const answered = yield* rest("POST", "/message:send", {
        body: messageOf("Anna", { taskId: json.task.id }),
      })
      deepStrictEqual(
        [answered.json.task.status.state, answered.json.task.artifacts[0].parts[0].text],
        ["TASK_STATE_COMPLETED", "Hello Anna"],
      )
    }),
  )

  test(
    "3.6.2: serves version 1.0 alone, of any patch, and takes a request without one for 0.3",
    Effect.gen(function* () {
      for (const given of ["0.3", "0.5", "2.0", "1.1", "nonsense", ""]) {
        const headers = { "a2a-version": given }
        yield* refused(
          "VERSION_NOT_SUPPORTED",
          -32009,
          400,
          rpc("ListTasks", {}, { headers }),
          rest("GET", "/tasks", { headers }),
        )
      }
      const patched = yield* rest("GET", "/tasks", { headers: { "a2a-version": "1.0.3" } })
      strictEqual(patched.status, 200)
      const inAddress = yield* call("GET", "/a2a/agent/tasks?A2A-Version=1.0")
      strictEqual(inAddress.status, 200)
    }),
  )
})

describe("A2A 1.0, sections 4 to 8", () => {
  test(
    "4.1, 5.5, 5.6, 5.7: names in camelCase, enumerations by their names, times in UTC, unknown fields ignored",
    Effect.gen(function* () {
      const task = yield* begin("a", { hologram: true })
      assertTrue(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(task.status.timestamp))
      deepStrictEqual(Object.keys(task).toSorted(), ["artifacts", "contextId", "history", "id", "status"])
      deepStrictEqual(task.history, [
        {
          messageId: "m-a",
          contextId: task.contextId,
          taskId: task.id,
          role: "ROLE_USER",
          parts: [{ text: "a" }],
        },
      ])
    }),
  )

  test(
    "4.1.6: a message keeps each of its parts",
    Effect.gen(function* () {
      const parts = [
        { text: "look", metadata: { a: 1 } },
        { raw: "aGk=", mediaType: "image/png", filename: "a.png" },
        { url: "https://example.org/b.pdf", mediaType: "application/pdf" },
        { data: { deep: [1, null] }, mediaType: "application/json" },
      ]
      deepStrictEqual((yield* begin("parts", { parts })).history[0].parts, parts)
    }),
  )

  test(
    "7.4, 13.1: nothing without a token, nothing of another project",
    Effect.gen(function* () {
      const { id } = yield* begin("a")
      for (const token of [null, "nonsense"]) {
        const { headers, status } = yield* rpc("GetTask", { id }, { token })
        strictEqual(status, 401)
        assertTrue(headers.get("www-authenticate") !== null)
        strictEqual((yield* rest("GET", "/tasks", { token })).status, 401)
      }
    }),
  )

  test(
    "8: the card says where the agent is and what it can do, to anybody; the whole one needs a token",
    Effect.gen(function* () {
      const { headers, json, status } = yield* call("GET", "/a2a/agent/.well-known/agent-card.json", {
        token: null,
      })
      strictEqual(status, 200)
      assertTrue(headers.get("cache-control")?.includes("max-age=") === true && headers.has("etag"))
      for (const field of ["name", "description", "version"]) assertTrue(json[field].length > 0)
      deepStrictEqual(
        json.supportedInterfaces.map(({ protocolBinding, protocolVersion }: Json) => [
          protocolBinding,
          protocolVersion,
        ]),
        [
          ["JSONRPC", "1.0"],
          ["HTTP+JSON", "1.0"],
        ],
      )
      deepStrictEqual(json.capabilities, {
        streaming: true,
        pushNotifications: false,
        extendedAgentCard: true,
      })
      assertTrue(json.skills.length > 0 && json.defaultInputModes.length > 0)
      const extended = yield* rest("GET", "/extendedAgentCard")
      strictEqual(extended.json.supportedInterfaces[0].url, json.supportedInterfaces[0].url)
      strictEqual((yield* rest("GET", "/extendedAgentCard", { token: null })).status, 401)
    }),
  )
})

describe("A2A 1.0, sections 9 and 11", () => {
  test(
    "9.3, 9.5: the errors of JSON-RPC",
    Effect.gen(function* () {
      const post = (options: Call) => call("POST", "/a2a/agent", { headers: version, ...options })
      const codes = yield* Effect.forEach(
        [
          post({ text: "{" }),
          post({ body: [] }),
          post({ body: { id: 1, method: "GetTask" } }),
          post({ body: { jsonrpc: "2.0", id: {}, method: "GetTask" } }),
          post({ body: { jsonrpc: "2.0", id: 1, method: "toString" } }),
          post({ body: { jsonrpc: "2.0", id: 1, method: "GetTask" } }),
          post({ body: { jsonrpc: "2.0", id: "x", method: "GetTask", params: { id: 5 } } }),
        ],
        Effect.map(({ json, status }) => [status, json.id, json.error.code] as const),
      )
      deepStrictEqual(codes, [
        [200, null, -32700],
        [200, null, -32600],
        [200, 1, -32600],
        [200, null, -32600],
        [200, 1, -32601],
        [200, 1, -32602],
        [200, "x", -32602],
      ])
    }),
  )

  test(
    "3.3.2: refuses what is wrong with a message, and names the field",
    Effect.gen(function* () {
      const fields = yield* Effect.forEach(
        [
          {},
          { message: { role: "ROLE_USER", parts: [{ text: "a" }] } },
          messageOf("a", { messageId: "" }),
          messageOf("a", { role: "ROLE_AGENT" }),
          messageOf("a", { parts: [] }),
          messageOf("a", { parts: [{}] }),
          messageOf("a", { parts: [{ text: "a", url: "b" }] }),
          { ...messageOf("a"), configuration: { historyLength: -1 } },
        ],
        (body) =>
          Effect.map(rest("POST", "/message:send", { body }), ({ json, status }) => {
            strictEqual(status, 400)
            return json.error.details[0].fieldViolations[0].field as string
          }),
      )
      deepStrictEqual(fields, [
        "message",
        "message.messageId",
        "message.messageId",
        "message.role",
        "message.parts.0",
        "message.parts.0",
        "message.parts.0",
        "configuration.historyLength",
      ])
      const queries = [
        "pageSize=150",
        "pageSize=x",
        "status=TASK_STATE_RUNNING",
        "pageToken=%00",
        "historyLength=-5",
      ]
      for (const query of queries) {
        const { json, status } = yield* rest("GET", `/tasks?${query}`)
        deepStrictEqual(
          [status, json.error.details[0].fieldViolations[0].field],
          [400, query.slice(0, query.indexOf("="))],
        )
      }
    }),
  )

  test(
    "11.1, 11.3: takes its own media type, and has nothing at other addresses",
    Effect.gen(function* () {
      const headers = { "content-type": "application/a2a+json" }
      const { json } = yield* rest("POST", "/message:send", {
        headers,
        body: { ...messageOf("a"), configuration: { returnImmediately: true } },
      })
      assertTrue(json.task.id.length > 0)
      strictEqual((yield* rest("POST", "/message:shout", { body: {} })).status, 404)
      strictEqual((yield* rest("POST", `/tasks/${json.task.id}:pause`)).status, 404)
      strictEqual((yield* rest("DELETE", `/tasks/${json.task.id}`)).status, 405)
      strictEqual((yield* rest("POST", "/message:send", { text: "{" })).status, 400)
    }),
  )
})
