/**
 * The rules of OpenAI Responses that a server must keep, with plain requests.
 *
 * Source: https://platform.openai.com/docs/api-reference/responses
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type AgentEvent, Emit, Executor, RequestSnapshot, TokenUsage } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Deferred, Effect, Queue, Stream } from "effect"
import { testerWith } from "../../http/test/agui/HttpAgents.js"
import { type Answer, call } from "../../http/test/raw.js"
import { Served } from "../../http/test/serving.js"
import * as ResponsesFace from "../src/ResponsesFace.js"

const tester = testerWith({ faces: [ResponsesFace.face] })

const test = tester(MemoryControlPlane.layer)

type Json = Answer["json"]

const address = "/openai/v1/responses"

const model = "agent"

const create = (body: object) => call("POST", address, { body: { model, ...body } })

const echo = Executor.from((run) => Emit.text(RequestSnapshot.lastUserText(run.snapshot)))

const events = (text: string): ReadonlyArray<Json> =>
  Array.from(text.matchAll(/^event: (.*)\ndata: (.*)$/gm), ([, name, data]) => {
    const event = JSON.parse(data!)
    strictEqual(event.type, name)
    return event
  })

const textOf = (output: Json): string =>
  output
    .flatMap((item: Json) => item.content ?? [])
    .map((part: Json) => part.text)
    .join("")

/** Requests that are refused, with the field that is wrong. */
const malformed: ReadonlyArray<readonly [body: Json, param: string]> = [
  [[], "body"],
  [{ input: "a" }, "model"],
  [{ model: "", input: "a" }, "model"],
  [{ model }, "input"],
  [{ model, input: [] }, "input"],
  [{ model, input: 1 }, "input"],
  [{ model, input: ["a"] }, "input[0]"],
  [{ model, input: [{ role: "robot", content: "a" }] }, "input[0].role"],
  [{ model, input: [{ type: "item_reference", id: "a" }] }, "input[0].type"],
  [{ model, input: [{ role: "user", content: [{ type: "input_text" }] }] }, "input[0].content[0].text"],
  [{ model, input: [{ role: "user", content: [{ type: "input_audio" }] }] }, "input[0].content[0].type"],
  [
    { model, input: [{ role: "user", content: [{ type: "input_file", file_id: "f" }] }] },
    "input[0].content[0].file_id",
  ],
  [{ model, input: [{ role: "user", content: [{ type: "input_image" }] }] }, "input[0].content[0].image_url"],
  [{ model, input: [{ type: "function_call_output", output: "a" }] }, "input[0].call_id"],
  [{ model, input: [{ type: "function_call_output", call_id: "c", output: "a" }] }, "input"],
  [{ model, input: [{ type: "function_call", call_id: "c", name: "n", arguments: "{}" }] }, "input"],
  [{ model, input: "a", tools: [{ type: "web_search", name: "w" }] }, "tools[0].type"],
  [{ model, input: "a", tools: [{ type: "function" }] }, "tools[0].name"],
  [{ model, input: "a", metadata: { a: 1 } }, "metadata.a"],
  [{ model, input: "a", conversation: "c" }, "conversation"],
  [{ model, input: "a", prompt: { id: "p" } }, "prompt"],
  [{ model, input: "a", background: true, store: false }, "background"],
  [{ model, input: "a", previous_response_id: "resp_none" }, "previous_response_id"],
  [{ model, input: "a", stream: "yes" }, "stream"],
]

describe("OpenAI Responses", () => {
  test(
    "a request that is refused names the field that is wrong",
    Effect.gen(function* () {
      for (const [body, param] of malformed) {
        const { json, status } = yield* call("POST", address, { body })
        deepStrictEqual([status, json.error.param, json.error.type], [400, param, "invalid_request_error"])
        assertTrue(json.error.message !== "" && json.error.code !== "")
      }
      const broken = yield* call("POST", address, { text: "{" })
      deepStrictEqual([broken.status, broken.json.error.code], [400, "invalid_json"])
      const { json } = yield* create({ input: "a", background: true })
      for (const [query, param] of [
        ["?stream=perhaps", "stream"],
        ["?stream=true&starting_after=-1", "starting_after"],
        ["/input_items?limit=0", "limit"],
        ["/input_items?order=up", "order"],
      ]) {
        const answer = yield* call("GET", `${address}/${json.id}${query}`)
        deepStrictEqual([answer.status, answer.json.error.param], [400, param])
      }
    }),
  )

  test(
    "a response that there is not, or a run that is no response, is 404",
    Effect.gen(function* () {
      yield* call("POST", "/runs", {
        body: { kind: "agent", public_id: "resp_run", request: { agent_id: model } },
      })
      for (const id of ["resp_none", "resp_run", "none"]) {
        for (const [method, path] of [
          ["GET", `${address}/${id}`],
          ["GET", `${address}/${id}?stream=true`],
          ["GET", `${address}/${id}/input_items`],
          ["POST", `${address}/${id}/cancel`],
        ] as const) {
          const { json, status } = yield* call(method, path)
          deepStrictEqual(
            [status, json.error.type, json.error.code],
            [404, "not_found", "response_not_found"],
          )
        }
      }
    }),
  )

  test(
    "a response has the fields of its request, or their defaults",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const { json } = yield* create({ input: "a" })
      deepStrictEqual(
        [json.object, json.tools, json.tool_choice, json.text, json.store, json.background, json.metadata],
        ["response", [], "auto", { format: { type: "text" } }, true, false, {}],
      )
      assertTrue(json.id.startsWith("resp_") && json.completed_at >= json.created_at)
      const sent = {
        instructions: "i",
        tools: [
          { type: "function", name: "n", description: "d", parameters: { type: "object" }, strict: false },
        ],
        tool_choice: { type: "function", name: "n" },
        text: { format: { type: "json_schema", name: "s", schema: {} } },
        max_output_tokens: 10,
        top_p: 0.5,
        reasoning: { effort: "low", summary: null },
        prompt_cache_key: "k",
      }
      const { json: full } = yield* create({ input: "a", ...sent })
      for (const [field, value] of Object.entries(sent)) deepStrictEqual(full[field], value)
    }),
  )

  test(
    "the agent is given roles, files, calls and reasoning, and they are listed as they were sent",
    Effect.gen(function* () {
      const seen = yield* Queue.unbounded<RequestSnapshot.RequestSnapshot>()
      yield* TestWorker.start(
        Executor.from((run) => Effect.zipRight(Queue.offer(seen, run.snapshot), Emit.text("ok"))),
      )
      const image = "data:image/png;base64,AAAA"
      const input = [
        { type: "message", role: "system", content: [{ type: "input_text", text: "s" }] },
        { type: "message", role: "developer", content: [{ type: "input_text", text: "d" }] },
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "u" },
            { type: "input_image", image_url: image, detail: "auto", file_id: null },
            { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" },
            { type: "input_file", file_url: "https://example.com/a.pdf" },
          ],
        },
        { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: "r" }] },
        { type: "function_call", call_id: "c", name: "n", arguments: "{}", status: "completed" },
        { type: "function_call_output", call_id: "c", output: "o", status: "completed" },
        {
          type: "message",
          role: "assistant",
          content: [{ type: "output_text", text: "a", annotations: [], logprobs: [] }],
          phase: "commentary",
        },
      ]
      const { json } = yield* create({ input, tool_choice: "none", tools: [{ type: "function", name: "n" }] })
      const { messages, tools } = yield* Queue.take(seen)
      deepStrictEqual(tools, [])
      deepStrictEqual(
        messages.map(({ role }) => role),
        ["system", "developer", "user", "reasoning", "assistant", "tool", "assistant"],
      )
      deepStrictEqual(messages[2]!.parts, [
        { type: "text", text: "u" },
        { type: "file", url: image, mediaType: "image/png" },
        {
          type: "file",
          url: "data:application/pdf;base64,AAAA",
          mediaType: "application/pdf",
          filename: "a.pdf",
        },
        { type: "file", url: "https://example.com/a.pdf" },
      ])
      deepStrictEqual(messages[4]!.parts, [{ type: "tool_call", toolCallId: "c", toolName: "n", args: "{}" }])
      deepStrictEqual(messages[5]!.parts, [{ type: "tool_result", toolCallId: "c", result: "o" }])
      const listed = yield* call("GET", `${address}/${json.id}/input_items?order=asc`)
      deepStrictEqual(
        listed.json.data.map(({ id: _id, status: _status, ...item }: Json) => item),
        input.map(({ status: _status, ...item }: Json) => item),
      )
      const newest = yield* call("GET", `${address}/${json.id}/input_items?limit=2`)
      deepStrictEqual([newest.json.data.length, newest.json.has_more], [2, true])
      const next = yield* call("GET", `${address}/${json.id}/input_items?after=${newest.json.last_id}`)
      deepStrictEqual([next.json.data.length, next.json.has_more], [5, false])
    }),
  )

  test(
    "a stream has a name and a number for each event, and ends with [DONE]",
    Effect.gen(function* () {
      yield* TestWorker.start(
        Executor.from(() =>
          Stream.fromIterable<AgentEvent.AgentEvent>([
            { type: "REASONING_MESSAGE_START", messageId: "r", role: "reasoning" },
            { type: "REASONING_MESSAGE_CONTENT", messageId: "r", delta: "hm" },
            { type: "REASONING_MESSAGE_END", messageId: "r" },
            { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look" },
            { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "{}" },
            { type: "TOOL_CALL_END", toolCallId: "c" },
            { type: "TOOL_CALL_RESULT", messageId: "m", toolCallId: "c", content: "found" },
            { type: "TEXT_MESSAGE_START", messageId: "t", role: "assistant" },
            { type: "TEXT_MESSAGE_CONTENT", messageId: "t", delta: "done" },
          ]),
        ),
      )
      const { headers, text } = yield* create({ input: "a", stream: true })
      assertTrue(headers.get("content-type")!.startsWith("text/event-stream"))
      assertTrue(text.endsWith("data: [DONE]\n\n"))
      const all = events(text)
      deepStrictEqual(
        all.map(({ sequence_number }) => sequence_number),
        all.map((_, index) => index),
      )
      const { response } = all.at(-1)
      deepStrictEqual(
        response.output.map(({ status, type }: Json) => [type, status]),
        ["reasoning", "function_call", "function_call_output", "message"].map((type) => [type, "completed"]),
      )
      for (const [index, item] of response.output.entries()) {
        const own = all.filter(({ output_index }) => output_index === index)
        strictEqual(own[0].type, "response.output_item.added")
        deepStrictEqual(own.at(-1), { ...own.at(-1), type: "response.output_item.done", item })
        const deltas = own.filter(({ type }) => type.endsWith(".delta")).map(({ delta }) => delta)
        strictEqual(deltas.join(""), item.arguments ?? textOf([item]))
      }
      const rest = yield* call(
        "GET",
        `${address}/${response.id}?stream=true&starting_after=${all.length - 2}`,
      )
      deepStrictEqual(events(rest.text), [all.at(-1)])
    }),
  )

  test(
    "what an attempt that died has said is no part of the completed response",
    Effect.gen(function* () {
      yield* TestWorker.start(
        Executor.from((run) =>
          run.attempt === 1
            ? Effect.zipRight(Emit.text("lost"), Effect.fail(Executor.retryableError("later", "Later", 1)))
            : Emit.text("whole"),
        ),
      )
      const { json } = yield* create({ input: "a" })
      deepStrictEqual([json.status, textOf(json.output)], ["completed", "whole"])
    }),
  )

  test(
    "a value that the run gives is its text, and its tokens are the usage",
    Effect.gen(function* () {
      yield* TestWorker.start(
        Executor.from(() =>
          Stream.fromIterable<AgentEvent.AgentEvent>([
            TokenUsage.toEvent({ inputTokens: 5, outputTokens: 7, cachedInputTokens: 2, reasoningTokens: 3 }),
            { type: "RUN_FINISHED", threadId: "t", runId: "r", result: { pages: 3 } },
          ]),
        ),
      )
      const { json } = yield* create({ input: "a" })
      strictEqual(textOf(json.output), '{"pages":3}')
      deepStrictEqual(json.usage, {
        input_tokens: 5,
        output_tokens: 7,
        total_tokens: 12,
        input_tokens_details: { cached_tokens: 2 },
        output_tokens_details: { reasoning_tokens: 3 },
      })
    }),
  )

  test(
    "a client that leaves a stream cancels nothing",
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      yield* TestWorker.start(Executor.from(() => Effect.zipRight(Deferred.await(go), Emit.text("done"))))
      const { key, url } = yield* Served
      const first = yield* Effect.promise(async () => {
        const { body } = await fetch(url + address, {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({ model, input: "a", stream: true }),
        })
        const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
        let text = ""
        while (!text.includes("\n\nevent: response.in_progress")) text += (await reader.read()).value ?? ""
        await reader.cancel()
        return events(text)[0]
      })
      yield* Deferred.succeed(go, undefined)
      const { text } = yield* call("GET", `${address}/${first.response.id}?stream=true`)
      strictEqual(events(text).at(-1).response.status, "completed")
    }),
  )

  test(
    "only an API key is let in",
    Effect.gen(function* () {
      strictEqual((yield* call("POST", address, { token: null, body: { model, input: "a" } })).status, 401)
      const { json } = yield* call("POST", "/projects/default/tokens", {
        body: { scopes: ["read", "write", "stop"], thread_id: "t" },
      })
      const page = yield* call("POST", address, { token: json.token, body: { model, input: "a" } })
      deepStrictEqual([page.status, page.json.error.type], [403, "permission_error"])
    }),
  )
})
