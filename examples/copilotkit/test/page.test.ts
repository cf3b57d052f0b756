import { expect, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Site from "../src/Site.js"
import * as Browser from "./Browser.js"
import * as Stack from "./Stack.js"

/** The answer of the example's server to `POST /session`. */
interface Session {
  readonly threadId: string
  readonly token: string
}

const opened = Effect.gen(function* () {
  const { backend } = yield* Stack.Stack
  return yield* Browser.open(yield* Site.make(backend, 0))
})

/** Opens a page whose agent tells a story and pauses in the middle until the pace is unlimited. */
const inTheMiddle = Effect.gen(function* () {
  const { pace } = yield* Stack.Stack
  const tab = yield* opened
  yield* pace.limit(10)
  yield* Browser.say(tab, "Tell me a story")
  yield* Browser.shows(tab, /holds it/)
  return { pace, tab }
})

/** Waits, in a fiber, for a request of the page whose header `Authorization` passes `isExpected`. Gives the header. */
const authorized = (
  tab: Browser.Tab,
  path: string,
  isExpected: (authorization: string | undefined) => boolean,
) =>
  Effect.fork(
    tab.use(async (page) => {
      const request = await page.waitForRequest(
        (request) => request.url().endsWith(path) && isExpected(request.headers()["authorization"]),
      )
      return request.headers()["authorization"]
    }),
  ).pipe(Effect.tap(Effect.yieldNow()))

if (!Browser.isInstalled) console.log("The tests of the page are skipped: there is no Chromium here.")

layer(Stack.layer, { excludeTestServices: true, timeout: "2 minutes" })("the page in Chromium", (it) => {
  const test = it.scoped.skipIf(!Browser.isInstalled)

  test("shows an answer, a tool of the page and an approval, and asks for nothing beyond this machine", () =>
    Effect.gen(function* () {
      const tab = yield* opened
      yield* Browser.say(tab, "hello")
      yield* Browser.shows(tab, "I have read 2 messages, and have nothing to add.")
      yield* Browser.say(tab, "Make it teal")
      yield* Browser.shows(tab, "What came of it: teal it is")
      const style = yield* tab.use((page) => page.locator(".desk").getAttribute("style"))
      expect(style).toBe("--desk-accent: teal;")
      yield* Browser.say(tab, "Refund 400 EUR")
      yield* tab.use((page) => page.getByRole("button", { name: "Approve" }).click())
      yield* Browser.shows(tab, "What came of it: 400 EUR are on their way")
      expect(tab.requests.filter((url) => !/^(http|ws):\/\/127\.0\.0\.1:|^data:|^blob:/.test(url))).toEqual(
        [],
      )
      expect(tab.errors).toEqual([])
    }))

  test("goes on when the worker is killed in the middle of an answer", () =>
    Effect.gen(function* () {
      const { pace, tab } = yield* inTheMiddle
      yield* tab.use((page) => page.getByRole("button", { name: "Kill the worker" }).click())
      yield* pace.free
      yield* Browser.shows(tab, /comes all the same/)
    }))

  test("shows the whole answer when it is reloaded in the middle of it", () =>
    Effect.gen(function* () {
      const { pace, tab } = yield* inTheMiddle
      yield* tab.use((page) => page.reload())
      yield* Browser.shows(tab, /holds it/)
      yield* pace.free
      yield* Browser.shows(tab, /comes all the same/)
      yield* Browser.say(tab, "hello")
      yield* Browser.shows(tab, /I have read/)
    }))

  test("gets a new token in the middle of an answer, before the first one ends", () =>
    Effect.gen(function* () {
      const { backend, pace } = yield* Stack.Stack
      const tab = yield* Browser.open("about:blank")
      const url = yield* Site.make(backend, 0)
      yield* tab.use(async (page) => {
        await page.clock.install()
        await page.goto(url)
      })
      yield* pace.limit(10)
      yield* Browser.say(tab, "Tell me a story")
      yield* Browser.shows(tab, /holds it/)
      const { token } = yield* tab.use(async (page) => {
        const renewed = page.waitForResponse((response) => response.url().endsWith("/session"))
        await page.clock.fastForward("10:01")
        return (await (await renewed).json()) as Session
      })
      yield* pace.free
      yield* Browser.shows(tab, /comes all the same/)
      const sent = yield* authorized(tab, "/run", (authorization) => authorization !== undefined)
      yield* Browser.say(tab, "hello")
      yield* Browser.shows(tab, "I have read 4 messages, and have nothing to add.")
      expect(yield* Fiber.join(sent)).toBe(`Bearer ${token}`)
      expect(tab.errors).toEqual([])
    }))

  test("gets a new token when the server refuses its own", () =>
    Effect.gen(function* () {
      const { backend } = yield* Stack.Stack
      const tab = yield* opened
      const sent = yield* authorized(tab, "/run", (authorization) => authorization !== undefined)
      yield* Browser.say(tab, "hello")
      yield* Browser.shows(tab, "I have read 2 messages, and have nothing to add.")
      const first = yield* Fiber.join(sent)
      yield* Effect.promise(() =>
        fetch(`${backend.url}/projects/default/tokens/rotate`, {
          method: "POST",
          headers: { Authorization: `Bearer ${backend.apiKey}` },
        }),
      )
      const renewed = yield* Effect.fork(
        tab.use((page) => page.waitForResponse((response) => response.url().endsWith("/session"))),
      )
      yield* Browser.say(tab, "hello again")
      yield* Fiber.join(renewed)
      const second = yield* authorized(tab, "/run", (authorization) => authorization !== first)
      yield* Browser.say(tab, "and again")
      yield* Browser.shows(tab, "I have read 5 messages, and have nothing to add.")
      yield* Fiber.join(second)
      expect(tab.errors).toEqual([])
    }))

  test("reaches no thread of another visitor", () =>
    Effect.gen(function* () {
      const { backend } = yield* Stack.Stack
      const url = yield* Site.make(backend, 0)
      const [own, another] = yield* Effect.all([Browser.open(url), Browser.open(url)])
      yield* Browser.say(another, "hello")
      yield* Browser.shows(another, "I have read 2 messages, and have nothing to add.")
      const session = (tab: Browser.Tab) =>
        tab.use((page) =>
          page.evaluate(async () => {
            const response = await fetch("/session", { method: "POST" })
            return (await response.json()) as Session
          }),
        )
      expect(yield* own.use((page) => page.evaluate("document.cookie"))).toBe("")
      const { token } = yield* session(own)
      const { threadId } = yield* session(another)
      /** The text of an answer of the runtime, to the token of one visitor and the thread of another. */
      const answer = (path: string, body: object) =>
        own.use((page) =>
          page.evaluate(
            async ([path, token, body]) => {
              const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }
              const response = await fetch(path, { method: "POST", headers, body })
              return response.text()
            },
            [`/api/copilotkit/agent/assistant/${path}`, token, JSON.stringify(body)] as const,
          ),
        )
      const input = {
        threadId,
        runId: crypto.randomUUID(),
        state: {},
        messages: [{ id: crypto.randomUUID(), role: "user", content: "hello" }],
        tools: [],
        context: [],
        forwardedProps: {},
      }
      for (const [path, body] of [
        ["run", input],
        ["connect", input],
        [`stop/${threadId}`, {}],
      ] as const) {
        const text = yield* answer(path, body)
        expect(text).toContain("thread_not_found")
        expect(text).not.toContain("I have read")
      }
      expect(own.errors).toEqual([])
    }))

  test("begins a new thread", () =>
    Effect.gen(function* () {
      const tab = yield* opened
      yield* Browser.say(tab, "hello")
      yield* Browser.shows(tab, "I have read 2 messages, and have nothing to add.")
      yield* tab.use(async (page) => {
        const begun = page.waitForResponse((response) => response.request().method() === "POST")
        await page.getByRole("button", { name: "New thread" }).click()
        await begun
      })
      yield* Browser.say(tab, "hello again")
      yield* Browser.shows(tab, "I have read 2 messages, and have nothing to add.")
      expect(yield* tab.use((page) => page.getByText("hello", { exact: true }).count())).toBe(0)
    }))
})
