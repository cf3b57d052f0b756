import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Site from "../src/Site.js"
import * as Browser from "./Browser.js"
import * as Stack from "./Stack.js"

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
})
