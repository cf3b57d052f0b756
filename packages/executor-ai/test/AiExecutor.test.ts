/** What a model says, through each provider, over real HTTP in the provider's own wire format. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"

for (const protocol of ModelRuns.protocols) {
  describe(`a model (${protocol})`, () => {
    it.scopedLive("streams its text, and reports its usage and its finish reason", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(
          ModelServer.inTurn({ texts: ["Hel", "lo"], usage: { input: 12, output: 3 } }),
        )
        const { execute } = yield* ModelRuns.executor(protocol, server, { system: "Be brief." })
        const events = yield* ModelRuns.eventsOf(execute)
        deepStrictEqual(ModelRuns.typesOf(events), [
          "TEXT_MESSAGE_START",
          "TEXT_MESSAGE_CONTENT",
          "TEXT_MESSAGE_CONTENT",
          "TEXT_MESSAGE_END",
          "CUSTOM",
          "RUN_FINISHED",
        ])
        strictEqual(ModelRuns.textOf(events), "Hello")
        strictEqual(events[0]!["messageId"], ModelRuns.messageId)
        const { metadata, outcome } = events.at(-1)!
        deepStrictEqual(outcome, { type: "success" })
        const { model, usage } = { model: "", usage: {}, ...(metadata as object) }
        strictEqual(model, "")
        const summary = usage as Record<string, unknown>
        strictEqual(summary["inputTokens"], 12)
        strictEqual(summary["outputTokens"], 3)
        strictEqual(summary["finishReason"], "stop")
        strictEqual(summary["steps"], 1)
        strictEqual(summary["model"], ModelRuns.providers[protocol].split(":")[1])
        strictEqual(yield* server.open, 0)
      }).pipe(Effect.provide(ModelRuns.log)),
    )

    it.scopedLive("writes its reasoning to messages of its own", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(
          ModelServer.inTurn({ reasoning: ["Let me ", "think"], texts: ["42"] }),
        )
        const { execute } = yield* ModelRuns.executor(protocol, server)
        const events = yield* ModelRuns.eventsOf(execute)
        const types = ModelRuns.typesOf(events).filter((type) => type !== "REASONING_ENCRYPTED_VALUE")
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
      }).pipe(Effect.provide(ModelRuns.log)),
    )

    if (protocol !== "completions") {
      it.scopedLive("opens and closes a message for reasoning that is only encrypted", () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make(ModelServer.inTurn({ reasoning: [], texts: ["42"] }))
          const { execute } = yield* ModelRuns.executor(protocol, server)
          const events = yield* ModelRuns.eventsOf(execute)
          deepStrictEqual(ModelRuns.typesOf(events).slice(0, 6), [
            "REASONING_START",
            "REASONING_MESSAGE_START",
            "REASONING_MESSAGE_END",
            "REASONING_ENCRYPTED_VALUE",
            "REASONING_END",
            "TEXT_MESSAGE_START",
          ])
          strictEqual(events[3]!["entityId"], events[1]!["messageId"])
        }).pipe(Effect.provide(ModelRuns.log)),
      )
    }

    for (const reason of ["length", "content_filter"] as const) {
      it.scopedLive(`ends the run when it stops for ${reason}, and names that in the metadata`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["Once"], reason }))
          const { execute } = yield* ModelRuns.executor(protocol, server)
          const events = yield* ModelRuns.eventsOf(execute)
          const finished = events.at(-1)!["metadata"] as { readonly usage: { readonly finishReason: string } }
          strictEqual(finished.usage.finishReason, reason.replace("_", "-"))
        }).pipe(Effect.provide(ModelRuns.log)),
      )
    }

    it.scopedLive("gets the key of its provider and the prompt", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(ModelServer.inTurn({ texts: ["ok"] }))
        const { execute } = yield* ModelRuns.executor(protocol, server, { system: "Be brief." })
        yield* ModelRuns.eventsOf(execute)
        const { body, headers } = server.requests[0]!
        strictEqual(
          headers["authorization"] ?? headers["x-api-key"],
          protocol === "messages" ? "sk-anthropic" : "Bearer sk-openai",
        )
        const text = JSON.stringify(body)
        assertTrue(text.includes("Be brief."))
        assertTrue(text.includes("What is new?"))
        strictEqual(body["stream"], true)
      }).pipe(Effect.provide(ModelRuns.log)),
    )
  })
}
