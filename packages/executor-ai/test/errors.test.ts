/** What goes wrong between an executor and its model, and what is made of it. */
import { Executor } from "@runlease/core"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { LanguageModel } from "@effect/ai"
import { AiModel } from "@runlease/executor-ai"
import { ConfigProvider, Deferred, Duration, Effect, Fiber, Layer, Runtime, Stream } from "effect"
import * as Net from "node:net"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"

const status = (code: number, type: string, headers: Readonly<Record<string, string>> = {}) => ({
  status: code,
  headers,
  error: { type, message: "so it is" },
})

const refusals: ReadonlyArray<{
  readonly answer: ModelServer.Plain
  readonly code: string
  readonly retryable: boolean
  readonly after?: Duration.DurationInput
}> = [
  { answer: status(400, "invalid_request_error"), code: "model_request_refused", retryable: false },
  { answer: status(401, "authentication_error"), code: "model_unauthorized", retryable: false },
  { answer: status(403, "permission_error"), code: "model_forbidden", retryable: false },
  { answer: status(404, "not_found_error"), code: "model_not_found", retryable: false },
  { answer: status(408, "timeout"), code: "model_timeout", retryable: true },
  { answer: status(429, "rate_limit_error"), code: "model_rate_limited", retryable: true },
  {
    answer: status(429, "rate_limit_error", { "retry-after": "7" }),
    code: "model_rate_limited",
    retryable: true,
    after: "7 seconds",
  },
  {
    answer: status(429, "rate_limit_error", { "retry-after-ms": "1500", "retry-after": "9" }),
    code: "model_rate_limited",
    retryable: true,
    after: "1500 millis",
  },
  { answer: status(429, "insufficient_quota"), code: "model_quota_exhausted", retryable: false },
  { answer: status(500, "api_error"), code: "model_unavailable", retryable: true },
  {
    answer: { status: 503, headers: { "retry-after": "3" }, body: "<html>down</html>" },
    code: "model_unavailable",
    retryable: true,
    after: "3 seconds",
  },
  { answer: status(529, "overloaded_error"), code: "model_unavailable", retryable: true },
  { answer: { status: 200, body: "<html>Welcome</html>" }, code: "model_output_malformed", retryable: false },
  {
    answer: { status: 200, headers: { "content-type": "text/event-stream" }, body: "data: {nonsense\n\n" },
    code: "model_output_malformed",
    retryable: false,
  },
]

for (const protocol of ModelRuns.protocols) {
  describe(`a model's server (${protocol})`, () => {
    it.scopedLive("makes a refusal a final failure, and an outage a retryable one", () =>
      Effect.gen(function* () {
        for (const { after, answer, code, retryable } of refusals) {
          const server = yield* ModelServer.make(() => answer)
          const { execute } = yield* ModelRuns.executor(protocol, server)
          const { error, events } = yield* ModelRuns.failureOf(execute)
          deepStrictEqual(events, [])
          strictEqual(error.code, code)
          strictEqual(error.retryable, retryable)
          deepStrictEqual(error.retryAfter, after === undefined ? undefined : Duration.decode(after))
          if (answer.error !== undefined) assertTrue(error.message.includes("so it is"), error.message)
          assertTrue(!error.message.includes("sk-"))
          strictEqual(server.requests.length, 1)
        }
      }).pipe(Effect.provide(ModelRuns.log)),
    )

    it.scopedLive("can request a delay until a date", () =>
      Effect.gen(function* () {
        const date = new Date(Date.now() + 60_000).toUTCString()
        const server = yield* ModelServer.make(() => status(503, "api_error", { "retry-after": date }))
        const { execute } = yield* ModelRuns.executor(protocol, server)
        const { error } = yield* ModelRuns.failureOf(execute)
        const seconds = Duration.toSeconds(error.retryAfter!)
        assertTrue(seconds > 30 && seconds <= 60)
      }).pipe(Effect.provide(ModelRuns.log)),
    )

    for (const ending of ["cut", "short"] as const) {
      it.scopedLive(`whose answer is ${ending} is tried again, and the events before that stay`, () =>
        Effect.gen(function* () {
          const arrived = yield* Deferred.make<void>()
          const until = yield* Effect.map(Effect.runtime(), (runtime) =>
            Runtime.runPromise(runtime)(Deferred.await(arrived)),
          )
          const server = yield* ModelServer.make(() => ({ texts: ["Hel", "lo"], ending, until }))
          const { execute } = yield* ModelRuns.executor(protocol, server)
          const { error, events } = yield* ModelRuns.failureOf((run) =>
            Stream.tap(Executor.toStream(execute)(run), (event) =>
              event["delta"] === "lo" ? Deferred.succeed(arrived, undefined) : Effect.void,
            ),
          )
          strictEqual(ModelRuns.textOf(events), "Hello")
          strictEqual(error.code, "model_stream_broken")
          strictEqual(error.retryable, true)
        }).pipe(Effect.provide(ModelRuns.log)),
      )
    }

    for (const ending of ["error", "failed"] as const) {
      it.scopedLive(`that reports an ${ending} in the middle is tried again`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make(() => ({ texts: ["Hello"], ending }))
          const { execute } = yield* ModelRuns.executor(protocol, server)
          const { error } = yield* ModelRuns.failureOf(execute)
          strictEqual(error.code, "model_error")
          strictEqual(error.retryable, true)
          assertTrue(error.message.includes("The model is in trouble"), error.message)
        }).pipe(Effect.provide(ModelRuns.log)),
      )
    }

    it.scopedLive("is not read on when it sends a line without end", () =>
      Effect.gen(function* () {
        const body = `data: ${"x".repeat(40 * 1024 * 1024)}`
        const headers = { "content-type": "text/event-stream" }
        const server = yield* ModelServer.make(() => ({ status: 200, headers, body }))
        const { execute } = yield* ModelRuns.executor(protocol, server)
        const { error } = yield* ModelRuns.failureOf(execute)
        strictEqual(error.code, "model_output_malformed")
        assertTrue(error.message.includes("maximum size"), error.message)
      }).pipe(Effect.provide(ModelRuns.log)),
    )

    it.scopedLive("that sends nothing for too long is tried again", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(() => ({ texts: ["Hello"], ending: "hang" }))
        const { execute } = yield* ModelRuns.executor(protocol, server, { idleTimeout: "300 millis" })
        const { error, events } = yield* ModelRuns.failureOf(execute)
        strictEqual(ModelRuns.textOf(events), "Hello")
        strictEqual(error.code, "model_timeout")
        strictEqual(error.retryable, true)
        yield* Effect.repeat(Effect.delay(server.open, "10 millis"), { until: (open) => open === 0 })
      }).pipe(Effect.provide(ModelRuns.log), Effect.timeout("4 minutes")),
    )

    it.scopedLive("loses its request when the run is interrupted", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(() => ({ texts: ["Hello"], ending: "hang" }))
        const { execute } = yield* ModelRuns.executor(protocol, server)
        const arrived = yield* Deferred.make<void>()
        const fiber = yield* Stream.runForEach(Executor.toStream(execute)(ModelRuns.claimed()), (event) =>
          event.type === "TEXT_MESSAGE_CONTENT" ? Deferred.succeed(arrived, undefined) : Effect.void,
        ).pipe(Effect.fork)
        yield* Deferred.await(arrived)
        strictEqual(yield* server.open, 1)
        yield* Fiber.interrupt(fiber)
        yield* Effect.repeat(Effect.delay(server.open, "10 millis"), { until: (open) => open === 0 })
      }).pipe(Effect.provide(ModelRuns.log), Effect.timeout("4 minutes")),
    )

    it.scopedLive("that does not listen is unreachable", () =>
      Effect.gen(function* () {
        // A port that was free a moment ago.
        const port = yield* Effect.async<number>((resume) => {
          const server = Net.createServer().listen(0, "127.0.0.1", () => {
            const address = server.address() as Net.AddressInfo
            server.close(() => resume(Effect.succeed(address.port)))
          })
        })
        const { execute } = yield* ModelRuns.executor(protocol, { url: `http://127.0.0.1:${port}/v1` })
        const { error } = yield* ModelRuns.failureOf(execute)
        strictEqual(error.code, "model_unreachable")
        strictEqual(error.retryable, true)
      }).pipe(Effect.provide(ModelRuns.log)),
    )
  })
}

describe("a model's name", () => {
  it.scopedLive("without a supported provider is refused", () =>
    Effect.gen(function* () {
      for (const name of ["", "gpt-5", "unsupported:gpt-5", "openai:", ":gpt-5"]) {
        const error = yield* Effect.flip(Layer.build(AiModel.fromName(name)))
        strictEqual(error._tag, "UnknownModel")
      }
    }),
  )

  it.scopedLive("requires the key of its provider, unless a base URL is given", () =>
    Effect.gen(function* () {
      for (const name of ["openai:gpt-5", "openai-chat:gpt-5", "anthropic:claude"]) {
        const error = yield* Effect.flip(Layer.build(AiModel.fromName(name)))
        assertTrue(String(error).includes("_API_KEY"), String(error))
        yield* Layer.build(AiModel.fromName(name, { baseUrl: "http://127.0.0.1:1/v1" }))
      }
    }),
  )
})

describe("generateText", () => {
  const asked = (answer: ModelServer.Turn | ModelServer.Plain) =>
    Effect.gen(function* () {
      const { url } = yield* ModelServer.make(() => answer)
      return yield* LanguageModel.generateText({ prompt: "hi" }).pipe(
        Effect.provide(AiModel.fromName("openai-chat:stand-in", { baseUrl: url })),
      )
    })

  it.scopedLive("over chat completions fails where the answer has no end, and is no empty text", () =>
    Effect.gen(function* () {
      const { text } = yield* asked({ texts: ["Hel", "lo"] })
      strictEqual(text, "Hello")
      const plain = { choices: [{ message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }] }
      for (const answer of [
        { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(plain) },
        { texts: ["Hel"], ending: "short" as const },
      ]) {
        const error = yield* Effect.flip(asked(answer))
        assertTrue(error.message.includes("finish_reason"), error.message)
      }
    }),
  )
})

it.effect("a model without a key says what to set", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(
      Effect.provide(LanguageModel.LanguageModel, AiModel.fromName("openai:gpt-4o")),
    )
    assertTrue(String(error).includes("OPENAI_API_KEY"), String(error))
    assertTrue(String(error).includes("set it, or OPENAI_BASE_URL"), String(error))
  }).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map()))),
)
