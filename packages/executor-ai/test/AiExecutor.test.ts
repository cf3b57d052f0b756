/** What a model says, through each provider, over real HTTP in the provider's own wire format. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import * as Asking from "./Asking.js"
import * as ModelServer from "./ModelServer.js"

for (const protocol of Asking.protocols) {
  describe(`a model (${protocol})`, () => {
    it.scopedLive("says its text as it comes, with what it used and why it stopped", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(
          ModelServer.inTurn({ texts: ["Hel", "lo"], usage: { input: 12, output: 3 } }),
        )
        const { execute } = yield* Asking.executor(protocol, server, { system: "Be brief." })
        const events = yield* Asking.eventsOf(execute)
        deepStrictEqual(Asking.typesOf(events), [
          "TEXT_MESSAGE_START",
          "TEXT_MESSAGE_CONTENT",
          "TEXT_MESSAGE_CONTENT",
          "TEXT_MESSAGE_END",
          "CUSTOM",
          "RUN_FINISHED",
        ])
        strictEqual(Asking.textOf(events), "Hello")
        strictEqual(events[0]!["messageId"], Asking.messageId)
        const { metadata, outcome } = events.at(-1)!
        deepStrictEqual(outcome, { type: "success" })
        const { model, usage } = { model: "", usage: {}, ...(metadata as object) }
        strictEqual(model, "")
        const told = usage as Record<string, unknown>
        strictEqual(told["inputTokens"], 12)
        strictEqual(told["outputTokens"], 3)
        strictEqual(told["finishReason"], "stop")
        strictEqual(told["steps"], 1)
        strictEqual(told["model"], Asking.providers[protocol].split(":")[1])
        strictEqual(yield* server.open, 0)
      }).pipe(Effect.provide(Asking.log)),
    )

    it.scopedLive("reasons, and says so apart from its text", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(
          ModelServer.inTurn({ reasoning: ["Let me ", "think"], texts: ["42"] }),
        )
        const { execute } = yield* Asking.executor(protocol, server)
        const events = yield* Asking.eventsOf(execute)
        const types = Asking.typesOf(events).filter((type) => type !== "REASONING_ENCRYPTED_VALUE")
        deepStrictEqual(types, [
          "REASONING_START",
          "REASONING_MESSAGE_START",
          "REASONING_MESSAGE_CONTENT",
          "REASONING_MESSAGE_CONTENT",
          "REASONING_MESSAGE_END",
          "REASONING_END",
          "TEXT_MESSAGE_START",
          "TEXT_MESSAGE_CONTENT",
          "TEXT_MESSAGE_END",
          "CUSTOM",
          "RUN_FINISHED",
        ])
        const ids = new Set(events.flatMap((event) => event["messageId"] ?? []))
        strictEqual(ids.size, 2)
      }).pipe(Effect.provide(Asking.log)),
    )

    if (protocol !== "completions") {
      it.scopedLive("reasons in secret alone: the message that holds it is opened and closed", () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make(ModelServer.inTurn({ reasoning: [], texts: ["42"] }))
          const { execute } = yield* Asking.executor(protocol, server)
          const events = yield* Asking.eventsOf(execute)
          deepStrictEqual(Asking.typesOf(events).slice(0, 6), [
            "REASONING_START",
            "REASONING_MESSAGE_START",
            "REASONING_MESSAGE_END",
            "REASONING_ENCRYPTED_VALUE",
            "REASONING_END",
            "TEXT_MESSAGE_START",
          ])
          strictEqual(events[3]!["entityId"], events[1]!["messageId"])
        }).pipe(Effect.provide(Asking.log)),
      )
    }

    for (const reason of ["length", "content_filter"] as const) {
      it.scopedLive(`is done when it stops for ${reason}, which the metadata tells`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["Once"], reason }))
          const { execute } = yield* Asking.executor(protocol, server)
          const events = yield* Asking.eventsOf(execute)
          const finished = events.at(-1)!["metadata"] as { readonly usage: { readonly finishReason: string } }
          strictEqual(finished.usage.finishReason, reason.replace("_", "-"))
        }).pipe(Effect.provide(Asking.log)),
      )
    }

    it.scopedLive("is told the key of its provider and the prompt", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["ok"] }))
        const { execute } = yield* Asking.executor(protocol, server, { system: "Be brief." })
        yield* Asking.eventsOf(execute)
        const { body, headers } = server.requests[0]!
        strictEqual(
          headers["authorization"] ?? headers["x-api-key"],
          protocol === "messages" ? "sk-anthropic" : "Bearer sk-openai",
        )
        const text = JSON.stringify(body)
        assertTrue(text.includes("Be brief."))
        assertTrue(text.includes("What is new?"))
        strictEqual(body["stream"], true)
      }).pipe(Effect.provide(Asking.log)),
    )
  })
}
