import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgUiExecutor } from "@runlease/executor-ag-ui"
import { Executor } from "@runlease/core"
import { Duration, Effect, Redacted } from "effect"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { claimed, execute, failureOf, test } from "./Runs.js"

const failed = (options: AgUiExecutor.Options) =>
  Effect.gen(function* () {
    const executor = yield* Peer.make(options)
    const given = yield* execute(executor, yield* claimed())
    return { failure: failureOf(given), types: given.events.map(({ type }) => type) }
  })

/** The behaviour of an agent, and the failure of its run. */
interface Case {
  readonly answer: (call: Peer.Call) => unknown
  readonly code: string
  readonly retryable: boolean
  readonly message: string
  readonly options?: Partial<AgUiExecutor.Options>
  readonly types?: ReadonlyArray<string>
}

const refusing =
  (status: number, body: string, headers: Record<string, string> = {}) =>
  ({ response }: Peer.Call) =>
    response.writeHead(status, headers).end(body)

const sending =
  (...events: ReadonlyArray<Peer.Event | string>) =>
  async ({ begin, response, send, started, write }: Peer.Call) => {
    begin()
    await send(started)
    for (const event of events) await (typeof event === "string" ? write(event) : send(event))
    response.end()
  }

const text: Peer.Event = { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" }

const cases: Readonly<Record<string, Case>> = {
  "refuses the request": {
    answer: refusing(422, JSON.stringify({ error: { message: "messages.0: no such role" } })),
    code: "http_422",
    retryable: false,
    message: "The agent answered 422: messages.0: no such role",
  },
  "refuses the credentials": {
    answer: refusing(401, "  Who\n are you?"),
    code: "http_401",
    retryable: false,
    message: "The agent answered 401: Who are you?",
  },
  "refuses without a reason": {
    answer: refusing(500, ""),
    code: "http_500",
    retryable: true,
    message: "The agent answered 500",
  },
  "refuses with a long reason": {
    answer: refusing(502, "x".repeat(10_000_000)),
    code: "http_502",
    retryable: true,
    message: `The agent answered 502: ${"x".repeat(2000)}…`,
  },
  "answers with another content type": {
    answer: refusing(200, "<html>Sign in</html>", { "content-type": "text/html; charset=utf-8" }),
    code: "not_event_stream",
    retryable: false,
    message:
      "The agent answered with text/html; charset=utf-8, not with an event stream: <html>Sign in</html>",
  },
  "answers without a body": {
    answer: refusing(204, ""),
    code: "not_event_stream",
    retryable: false,
    message: "The agent answered with no content type, not with an event stream",
  },
  "sends what is not JSON": {
    answer: sending(text, "data: {]\n\n", text),
    code: "bad_event",
    retryable: false,
    message: "The agent sent a malformed event: it is not JSON: {]",
    types: ["TEXT_MESSAGE_START"],
  },
  "sends what is not an event": {
    answer: sending("data: [1]\n\n"),
    code: "bad_event",
    retryable: false,
    message: "The agent sent a malformed event: an event must be an object, this is array: [1]",
  },
  "sends an event without what AG-UI demands of it": {
    answer: sending(text, 'data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"m"}\n\n'),
    code: "ag_ui_protocol_violation",
    retryable: false,
    message:
      "The agent broke the AG-UI protocol: TEXT_MESSAGE_CONTENT has a wrong value in `delta`: " +
      "Invalid input: expected string, received undefined",
    types: ["TEXT_MESSAGE_START"],
  },
  "sends an event that is too large": {
    answer: sending(
      text,
      `data: ${JSON.stringify({ type: "CUSTOM", name: "n", value: "é".repeat(500) })}\n\n`,
    ),
    code: "event_too_large",
    retryable: false,
    message: "The agent sent an event of more than 1000 bytes, the limit here",
    options: { maxEventBytes: 1000 },
    types: ["TEXT_MESSAGE_START"],
  },
  "never ends an event": {
    answer: async ({ begin, send, started, write }) => {
      begin()
      await send(started, text)
      for (;;) await write(`data: ${"x".repeat(1000)}\n`)
    },
    code: "event_too_large",
    retryable: false,
    message: "The agent sent an event of more than 1048576 bytes, the limit here",
    types: ["TEXT_MESSAGE_START"],
  },
  "sends too much": {
    answer: async ({ begin, send, started }) => {
      begin()
      await send(started)
      for (;;) await send({ type: "CUSTOM", name: "n", value: "x".repeat(1000) })
    },
    code: "output_too_large",
    retryable: false,
    message: "The agent sent more than 900 bytes",
    options: { maxOutputBytes: 900 },
  },
  "ends its stream before its run": {
    answer: sending(text),
    code: "stream_ended_early",
    retryable: true,
    message: "The agent's event stream ended before RUN_FINISHED or RUN_ERROR",
    types: ["TEXT_MESSAGE_START"],
  },
  "ends its stream after another run": {
    answer: async ({ begin, input: { threadId }, response, send }) => {
      begin()
      await send(
        { type: "RUN_STARTED", threadId, runId: "other" },
        text,
        { type: "TEXT_MESSAGE_END", messageId: "m" },
        { type: "RUN_FINISHED", threadId, runId: "other" },
      )
      response.end()
    },
    code: "ag_ui_protocol_violation",
    retryable: false,
    message: "The agent broke the AG-UI protocol: the stream ends after run other, without run ",
  },
  "ends its stream within an older run": {
    answer: async ({ begin, input: { threadId }, response, send }) => {
      begin()
      await send({ type: "RUN_STARTED", threadId, runId: "other" }, text)
      response.end()
    },
    code: "stream_ended_early",
    retryable: true,
    message: "The agent's event stream ended before RUN_FINISHED or RUN_ERROR",
  },
  "ends its run under another name": {
    answer: async ({ begin, send, started }) => {
      begin()
      await send(started, { type: "RUN_FINISHED", threadId: "t", runId: "other" })
    },
    code: "ag_ui_protocol_violation",
    retryable: false,
    message: "The agent broke the AG-UI protocol: RUN_FINISHED names run other in run ",
  },
  "ends its stream in the middle of an event": {
    answer: sending(text, 'data: {"type":"TEXT_'),
    code: "stream_ended_early",
    retryable: true,
    message: "The agent's event stream ended before RUN_FINISHED or RUN_ERROR",
    types: ["TEXT_MESSAGE_START"],
  },
  "ends its stream at once": {
    answer: ({ begin, response }) => {
      begin()
      response.end()
    },
    code: "stream_ended_early",
    retryable: true,
    message: "The agent's event stream ended before RUN_FINISHED or RUN_ERROR",
  },
  "dies in the middle of its stream": {
    answer: async ({ begin, die, send, started }) => {
      begin()
      await send(started, text)
      die()
    },
    code: "stream_ended_early",
    retryable: true,
    message: "The agent's event stream broke off: ",
    types: ["TEXT_MESSAGE_START"],
  },
  "dies before it answers": {
    answer: ({ response }) => response.destroy(),
    code: "unreachable",
    retryable: true,
    message: "The agent cannot be reached: ",
  },
  "stops sending": {
    answer: async ({ begin, send, started }) => {
      begin()
      await send(started, text)
    },
    code: "stalled",
    retryable: true,
    message: "The agent sent nothing for 200ms and was given up",
    options: { idleTimeout: "200 millis" },
    types: ["TEXT_MESSAGE_START"],
  },
  "does not answer": {
    answer: () => undefined,
    code: "response_timeout",
    retryable: true,
    message: "The agent did not answer within 200ms",
    options: { responseTimeout: "200 millis" },
  },
}

describe("a run whose agent", () => {
  for (const [what, { answer, code, message, options, retryable, types = [] }] of Object.entries(cases)) {
    test(
      `${what} fails with ${code}`,
      Effect.gen(function* () {
        const agent = yield* Peer.serve(answer)
        const given = yield* failed({ url: agent.url, ...options })
        strictEqual(given.failure.code, code)
        strictEqual(given.failure.retryable, retryable)
        if (message.endsWith(" ")) {
          assertTrue(
            given.failure.message.startsWith(message) && given.failure.message.length > message.length,
          )
        } else {
          strictEqual(given.failure.message, message)
        }
        deepStrictEqual(given.types, types)
        strictEqual(agent.calls.length, 1)
      }),
    )
  }

  test(
    "does not listen fails with connection_refused",
    Effect.gen(function* () {
      const { failure } = yield* failed({ url: yield* Peer.nowhere })
      strictEqual(failure.code, "connection_refused")
      strictEqual(failure.retryable, true)
      assertInclude(failure.message, "ECONNREFUSED")
    }),
  )

  test(
    "has no valid URL fails with invalid_url",
    Effect.gen(function* () {
      const { failure } = yield* failed({ url: "not a url" })
      strictEqual(failure.code, "invalid_url")
      strictEqual(failure.retryable, false)
    }),
  )

  for (const [what, header, least, most] of [
    ["seconds", () => "7", 7000, 7000],
    ["a date", () => new Date(Date.now() + 60_000).toUTCString(), 30_000, 60_000],
    ["a date that is past", () => new Date(0).toUTCString(), 0, 0],
    ["far too long", () => "999999999", 3_600_000, 3_600_000],
  ] as const) {
    test(
      `is too busy is tried again after its delay: ${what}`,
      Effect.gen(function* () {
        for (const status of [429, 503]) {
          const agent = yield* Peer.serve(refusing(status, "busy", { "retry-after": header() }))
          const { failure } = yield* failed({ url: agent.url })
          strictEqual(failure.code, `http_${status}`)
          strictEqual(failure.retryable, true)
          const millis = Duration.toMillis(failure.retryAfter ?? Duration.infinity)
          assertTrue(millis >= least && millis <= most, `${millis} is not from ${least} to ${most}`)
        }
      }),
    )
  }

  test(
    "cannot take the request fails with input_not_ag_ui, and gets no request",
    Effect.gen(function* () {
      const agent = yield* Peer.serve(() => undefined)
      const executor = yield* Peer.make({ url: agent.url })
      const run = yield* claimed({
        snapshot: { messages: [], tools: [{ description: "nameless" }], context: [] },
      })
      const failure = failureOf(yield* execute(executor, run))
      strictEqual(failure.code, "input_not_ag_ui")
      assertInclude(failure.message, "tools.0.name")
      strictEqual(agent.calls.length, 0)
    }),
  )

  for (const [what, before, shown] of [
    ["", "not with ", "not with <redacted>"],
    [", also when the message is cut", "x".repeat(1995), `${"x".repeat(1995)}<reda…`],
  ] as const) {
    test(
      `repeats a secret fails with a message without the secret${what}`,
      Effect.gen(function* () {
        const agent = yield* Peer.serve(({ request, response }) =>
          response.writeHead(403).end(`${before}${request.headers.authorization}`),
        )
        const { failure } = yield* failed({
          url: agent.url,
          headers: { authorization: Redacted.make("Bearer secret") },
        })
        strictEqual(failure.message, `The agent answered 403: ${shown}`)
      }),
    )
  }
})

describe("an agent that redirects", () => {
  test(
    "to another origin gets no request there, and its run fails with what to set",
    Effect.gen(function* () {
      const other = yield* Peer.serve(({ response }) => response.end())
      const own = yield* Peer.serve(({ response }) => response.writeHead(307, { location: other.url }).end())
      const layer = AgUiExecutor.layerWith({ url: own.url, headers: { "x-api-key": Redacted.make("key") } })
      const executor = yield* Effect.provide(Executor.Executor, layer)
      const failure = failureOf(yield* execute(executor, yield* claimed()))
      deepStrictEqual([failure.code, failure.retryable, other.calls.length], ["other_origin", false, 0])
      assertInclude(failure.message, new URL(other.url).origin)
    }),
  )
})
