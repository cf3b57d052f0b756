import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import * as Page from "./Page.js"
import * as Stack from "./Stack.js"

/** Long enough to be stopped in the middle. */
const story =
  "A worker takes a run and holds it under a lease. It writes down each word as it comes, and each word is safe. " +
  "One day the worker is killed in the middle of a sentence. Another worker takes the run and begins the answer anew."

const answered = `2 messages: ${story}`

const opened = Effect.flatMap(Stack.runtime, (url) => Page.open(url, crypto.randomUUID()))

const roles = (page: Page.Page) => page.agent.messages.map(({ role }) => role)

/** Checks that the thread accepts another message, and that the model receives the earlier ones. */
const goesOn = (page: Page.Page) =>
  Effect.gen(function* () {
    const before = page.agent.messages.length
    yield* page.say("hello")
    expect(roles(page).slice(before)).toEqual(["user", "assistant"])
    expect(page.answer()).toMatch(/^\d+ messages: hello$/)
  })

layer(Stack.layer, { excludeTestServices: true, timeout: "2 minutes" })(
  "CopilotKit's core and runtime",
  (it) => {
    it.scoped("show an answer", () =>
      Effect.gen(function* () {
        const page = yield* opened
        yield* page.say("hello")
        expect(page.answer()).toBe("2 messages: hello")
        yield* goesOn(page)
      }),
    )

    it.scoped("call a tool of the page, and the thread goes on", () =>
      Effect.gen(function* () {
        const page = yield* opened
        yield* page.say('call setAccent {"color":"teal"}')
        expect(page.accents).toEqual(["teal"])
        expect(roles(page)).toEqual(["user", "assistant", "tool", "assistant"])
        expect(page.answer()).toBe("Result: teal it is")
        yield* goesOn(page)
        yield* page.say('call setAccent {"color":"crimson"}')
        expect(page.accents).toEqual(["teal", "crimson"])
        expect(page.answer()).toBe("Result: crimson it is")
      }),
    )

    it.scoped("go on with a thread whose page left a tool without a result", () =>
      Effect.gen(function* () {
        const url = yield* Stack.runtime
        const threadId = crypto.randomUUID()
        const called = yield* Deferred.make<void>()
        const left = yield* Page.open(url, threadId, () => {
          Deferred.unsafeDone(called, Effect.void)
          return new Promise(() => {})
        })
        yield* Effect.fork(left.say('call setAccent {"color":"teal"}'))
        yield* Deferred.await(called)
        const page = yield* Page.open(url, threadId)
        yield* page.connect
        expect(roles(page)).toEqual(["user", "assistant"])
        yield* goesOn(page)
      }),
    )

    it.scoped("stop an answer, and the thread goes on", () =>
      Effect.gen(function* () {
        const { pace } = yield* Stack.Stack
        const page = yield* opened
        yield* pace.limit(12)
        const turn = yield* Effect.fork(page.say(story))
        yield* page.shows("holds it")
        yield* page.stop
        yield* Fiber.join(turn)
        yield* pace.free
        yield* goesOn(page)
      }),
    )

    it.scoped("stop the answer that follows a tool of the page", () =>
      Effect.gen(function* () {
        const { pace } = yield* Stack.Stack
        const page = yield* opened
        // Three chunks for the call, and two words of the answer.
        yield* pace.limit(5)
        const turn = yield* Effect.fork(page.say('call setAccent {"color":"teal"}'))
        yield* page.shows("Result:")
        yield* page.stop
        yield* Fiber.join(turn)
        yield* pace.free
        yield* goesOn(page)
      }),
    )

    it.scoped("ask for an approval", () =>
      Effect.gen(function* () {
        const page = yield* opened
        yield* page.say('call refund {"euros":400}')
        expect(page.interrupts().map(({ message, reason }) => [reason, message])).toEqual([
          ["tool_call", "May refund be called?"],
        ])
        yield* page.respond(true)
        expect(page.answer()).toBe("Result: 400 EUR are on their way")
        yield* goesOn(page)
      }),
    )

    it.scoped("show the question again on a page that loads while the run waits", () =>
      Effect.gen(function* () {
        const url = yield* Stack.runtime
        const threadId = crypto.randomUUID()
        yield* Effect.flatMap(Page.open(url, threadId), (page) => page.say('call refund {"euros":400}'))
        const page = yield* Page.open(url, threadId)
        yield* page.connect
        expect(page.interrupts().length).toBe(1)
        yield* page.respond(false)
        expect(page.answer()).toBe("Result: This call was not approved, so it was not made.")
        yield* goesOn(page)
      }),
    )

    it.scoped("show the rest of an answer after a reload, from a restarted runtime", () =>
      Effect.gen(function* () {
        const { pace } = yield* Stack.Stack
        const threadId = crypto.randomUUID()
        const first = yield* Scope.make()
        yield* pace.limit(12)
        yield* Effect.gen(function* () {
          const page = yield* Page.open(yield* Stack.runtime, threadId)
          yield* Effect.fork(page.say(story))
          yield* page.shows("holds it")
        }).pipe(Scope.extend(first))
        yield* Scope.close(first, Exit.void)

        const page = yield* Page.open(yield* Stack.runtime, threadId)
        const shown = yield* Effect.fork(page.connect)
        yield* page.shows("holds it")
        yield* pace.free
        yield* Fiber.join(shown)
        expect(roles(page)).toEqual(["user", "assistant"])
        expect(page.answer()).toBe(answered)
        yield* goesOn(page)
      }),
    )

    it.scoped("show the answer of another worker when the first is killed half-way", () =>
      Effect.gen(function* () {
        const { killWorker, pace } = yield* Stack.Stack
        const page = yield* opened
        yield* pace.limit(12)
        const turn = yield* Effect.fork(page.say(story))
        yield* page.shows("holds it")
        yield* killWorker
        yield* pace.free
        yield* Fiber.join(turn)
        expect(page.answer()).toBe(answered)
        // The text of the first worker stays, as the page showed it.
        expect(roles(page)).toEqual(["user", "assistant", "assistant"])
        yield* goesOn(page)
      }),
    )
  },
)
