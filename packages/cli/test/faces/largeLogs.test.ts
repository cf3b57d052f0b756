import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Emit, Executor, Page, RequestSnapshot, RunLog } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect } from "effect"
import { describe } from "vitest"
import { testerWith } from "../../../http/test/agui/HttpAgents.js"
import { type Answer, call } from "../../../http/test/raw.js"
import { tool } from "../../../http-mcp/test/messages.js"
import { faces } from "./faces.js"

const tester = testerWith({ faces })

const test = tester(MemoryControlPlane.layer)

type Json = Answer["json"]

const unit = 1024 * 1024

/** A letter for each message, so that a text says which it is of. */
const letterOf = (index: number): string => String.fromCharCode(97 + index)

/** Writes a message of so many units for each number of its input. */
const writer = Executor.from((run) =>
  Effect.forEach(
    JSON.parse(RequestSnapshot.lastUserText(run.snapshot)) as ReadonlyArray<number>,
    (units, index) =>
      Emit.events([
        AgentEvent.textStart(`m-${index}`),
        ...Array.from({ length: units * 8 }, () =>
          AgentEvent.textContent(`m-${index}`, letterOf(index).repeat(unit / 8)),
        ),
        AgentEvent.textEnd(`m-${index}`),
      ]),
    { discard: true },
  ),
)

/** A text as the letters of which it is and their number in units. */
const shapeOf = (text: string): string => `${text.length / unit} ${[...new Set(text)].join("")}`

const rpc = (method: string, params: unknown) =>
  Effect.map(
    call("POST", "/a2a/agent", {
      body: { jsonrpc: "2.0", id: 1, method, params },
      headers: { "a2a-version": "1.0" },
    }),
    ({ json }) => json.result,
  )

const send = (messages: ReadonlyArray<number>) => {
  const text = JSON.stringify(messages)
  return Effect.map(
    rpc("SendMessage", {
      message: { messageId: crypto.randomUUID(), role: "ROLE_USER", parts: [{ text }] },
    }),
    ({ task }) => task,
  )
}

const shapesOf = ({ artifacts }: Json) => artifacts.map(({ parts }: Json) => shapeOf(parts[0].text))

const respond = (messages: ReadonlyArray<number>, more: object = {}) =>
  call("POST", "/openai/v1/responses", {
    body: { model: "agent", input: JSON.stringify(messages), ...more },
  })

const itemsOf = ({ output }: Json) => output.map((item: Json) => [item.status, shapeOf(item.content[0].text)])

describe("an answer that is made of a large log", () => {
  test(
    "of A2A has the newest artifacts that there is room for, or the beginning of the only one, and says so",
    Effect.gen(function* () {
      yield* TestWorker.start(writer)
      const several = yield* send([1, 2, 1])
      deepStrictEqual(shapesOf(several), ["2 b", "1 c"])
      assertTrue(several.metadata["runlease.omittedBytes"] >= unit)
      const { artifacts, metadata } = yield* send([5])
      const text: string = artifacts[0].parts[0].text
      assertTrue(text.length > 3.9 * unit && text.length <= Page.maxPageBytes)
      assertTrue(metadata["runlease.omittedBytes"] >= 5 * unit - text.length)
      strictEqual((yield* send([1])).metadata, undefined)
    }),
  )

  test(
    "lists the tasks of A2A as far as a page has room, and gives the place of the others",
    Effect.gen(function* () {
      yield* TestWorker.start(writer)
      const ids: ReadonlyArray<string> = yield* Effect.forEach([3, 3, 3], (units) =>
        Effect.map(send([units]), ({ id }) => id),
      )
      const list = (params: object) => rpc("ListTasks", { includeArtifacts: true, ...params })
      const first = yield* list({})
      strictEqual(first.tasks.length, 2)
      strictEqual(first.totalSize, 3)
      const second = yield* list({ pageToken: first.nextPageToken })
      strictEqual(second.nextPageToken, "")
      deepStrictEqual([...first.tasks, ...second.tasks].map(({ id }: Json) => id).toSorted(), ids.toSorted())
      const bare = yield* rpc("ListTasks", {})
      deepStrictEqual(
        bare.tasks.map(({ artifacts, history, status }: Json) => [artifacts, history.length, status.state]),
        ids.map(() => [undefined, 1, "TASK_STATE_COMPLETED"]),
      )
    }),
  )

  test(
    "of Responses has the newest items that there is room for, while its stream has all of every text",
    Effect.gen(function* () {
      yield* TestWorker.start(writer)
      const { json } = yield* respond([1, 2, 1])
      deepStrictEqual(itemsOf(json), [
        ["completed", "2 b"],
        ["completed", "1 c"],
      ])
      assertTrue(json.omitted_bytes >= unit)
      const { json: read } = yield* call("GET", `/openai/v1/responses/${json.id}`)
      deepStrictEqual(read, json)
      const { text } = yield* respond([5], { stream: true })
      const events: ReadonlyArray<Json> = Array.from(text.matchAll(/^data: (\{.*)$/gm), ([, data]) =>
        JSON.parse(data!),
      )
      const deltas = events.filter(({ type }) => type === "response.output_text.delta")
      strictEqual(shapeOf(deltas.map(({ delta }) => delta).join("")), "5 a")
      const { response } = events.at(-1)
      strictEqual(response.status, "completed")
      const [item] = response.output
      strictEqual(item.status, "incomplete")
      assertTrue(item.content[0].text.length <= Page.maxPageBytes)
      strictEqual(response.omitted_bytes, 5 * unit - item.content[0].text.length)
      // What was left out cannot be continued in silence.
      const { json: refused, status } = yield* respond([1], { previous_response_id: response.id })
      deepStrictEqual([status, refused.error?.code], [200, undefined])
      const { json: long } = yield* respond([6, 6])
      const { json: tooLong } = yield* respond([1], { previous_response_id: long.id })
      strictEqual(tooLong.error.code, "context_length_exceeded")
    }),
  )

  test(
    "of MCP has the beginning of the last message, and says how to read the rest",
    Effect.gen(function* () {
      yield* TestWorker.start(writer)
      const { id } = yield* send([1, 2])
      const { json } = yield* tool("get_run", { run_id: id })
      const view = json.result.structuredContent
      strictEqual(shapeOf(view.text), "1 b")
      strictEqual(view.omitted_bytes, 2 * unit - RunLog.maxReadBytes)
      assertTrue(view.next.includes(`read_log, run_id ${id}`))
      const { id: small } = yield* send([1])
      const { json: whole } = yield* tool("get_run", { run_id: small })
      const { next, omitted_bytes, text } = whole.result.structuredContent
      deepStrictEqual([shapeOf(text), omitted_bytes, next], ["1 a", undefined, undefined])
    }),
  )
})
