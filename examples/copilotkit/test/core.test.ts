import { expect, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Page from "./Page.js"
import * as Stack from "./Stack.js"

const opened = Effect.flatMap(Stack.runtime, (url) => Page.open(url, crypto.randomUUID()))

layer(Stack.layer, { excludeTestServices: true, timeout: "2 minutes" })(
  "CopilotKit's core and runtime",
  (it) => {
    it.scoped("show an answer", () =>
      Effect.gen(function* () {
        const page = yield* opened
        yield* page.say("hello")
        expect(page.answer()).toBe("I have read 2 messages, and have nothing to add.")
      }),
    )

    it.scoped("stop an answer, and the thread goes on", () =>
      Effect.gen(function* () {
        const { pace } = yield* Stack.Stack
        const page = yield* opened
        yield* pace.limit(10)
        const told = yield* Effect.fork(page.say("Tell a story"))
        yield* page.until((messages) => messages.some(({ content }) => String(content).includes("holds it")))
        yield* page.stop
        yield* Fiber.join(told)
        yield* pace.free
        yield* page.say("hello")
        expect(page.answer()).toMatch(/^I have read/)
      }),
    )

    it.scoped("ask for an approval", () =>
      Effect.gen(function* () {
        const page = yield* opened
        yield* page.say("Refund 400 EUR")
        expect(page.interrupts().map(({ id, message }) => [id, message])).toEqual([
          ["refund", "Refund 400 EUR?"],
        ])
        yield* page.resume([{ interruptId: "refund", status: "resolved", payload: { approved: true } }])
        expect(page.answer()).toBe("Refunded 400 EUR.")
        yield* page.say("hello")
        expect(page.answer()).toMatch(/^I have read/)
      }),
    )
  },
)
