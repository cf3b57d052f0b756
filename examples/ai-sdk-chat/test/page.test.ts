import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { chromium, type Page } from "playwright-core"
import * as Backend from "../src/Backend.js"
import * as Site from "../src/Site.js"
import * as StandIn from "../src/StandIn.js"
import * as Pace from "@runlease/testkit/Pace"

/** The browser that Debian's package `chromium` installs, or the one that CHROMIUM names. */
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

const isInstalled = existsSync(executablePath)

class Stage extends Context.Tag("example/Stage")<
  Stage,
  { readonly pace: Pace.Pace; readonly address: string }
>() {}

const stage = Layer.unwrapScoped(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const pace = yield* Pace.make
    const folder = yield* fs.makeTempDirectoryScoped()
    return Layer.scoped(
      Stage,
      Effect.map(Site.make(0), (address) => ({ pace, address })),
    ).pipe(Layer.provide(Backend.layer(`${folder}/runs.sqlite`)), Layer.provide(StandIn.layer(pace.turn)))
  }),
).pipe(Layer.provide(NodeContext.layer), Layer.orDie)

/** A new page of a browser, which closes with the Scope. */
const open = Effect.gen(function* () {
  const { address } = yield* Stage
  const browser = yield* Effect.acquireRelease(
    // Chromium has no sandbox as root, as in a container.
    Effect.promise(() => chromium.launch({ executablePath, args: ["--no-sandbox"] })),
    (browser) => Effect.promise(() => browser.close()),
  )
  const page = yield* Effect.promise(() => browser.newPage())
  // Vite compiles the AI SDK for the first page.
  page.setDefaultTimeout(240_000)
  const errors: Array<string> = []
  page.on("pageerror", (error) => errors.push(error.message))
  const use = <A>(action: (page: Page) => Promise<A>) => Effect.promise(() => action(page))
  yield* use((page) => page.goto(address))
  return {
    use,
    errors,
    say: (text: string) =>
      use(async (page) => {
        await page.getByLabel("Message").fill(text)
        await page.keyboard.press("Enter")
      }),
    shows: (text: string | RegExp) => use((page) => page.getByText(text).last().waitFor()),
    press: (name: string) => use((page) => page.getByRole("button", { name }).click()),
    answers: use((page) => page.locator("article.assistant").allInnerTexts()),
  }
})

/** A page whose agent tells a story and pauses in the middle until the pace is unlimited. */
const inTheMiddle = Effect.gen(function* () {
  const { pace } = yield* Stage
  const page = yield* open
  yield* pace.limit(10)
  yield* page.say("Tell me a story")
  yield* page.shows(/holds it/)
  return { pace, page }
})

if (!isInstalled) console.log("The tests of the page are skipped: there is no Chromium here.")

layer(stage, { excludeTestServices: true })("the page in Chromium", (it) => {
  const test = it.scoped.skipIf(!isInstalled)

  test("streams answers, and goes on after an approval and a refusal", () =>
    Effect.gen(function* () {
      const page = yield* open
      yield* page.say("hello")
      yield* page.shows("I have read 2 messages, and have nothing to add.")
      yield* page.say("Refund 400 EUR")
      yield* page.press("Approve")
      yield* page.shows("What came of it: 400 EUR are on their way")
      yield* page.say("Refund 500 EUR")
      yield* page.press("Decline")
      yield* page.shows(/What came of it: .*not approved/)
      expect(page.errors).toEqual([])
    }))

  test("shows the whole answer once when it is reloaded in the middle of it", () =>
    Effect.gen(function* () {
      const { pace, page } = yield* inTheMiddle
      yield* page.use((tab) => tab.reload())
      yield* page.shows(/holds it/)
      yield* pace.free
      yield* page.shows(/comes all the same/)
      expect(yield* page.answers).toEqual([StandIn.story])
      yield* page.use((tab) => tab.getByText("ready").waitFor())
      yield* page.use((tab) => tab.reload())
      yield* page.shows(/comes all the same/)
      expect(yield* page.answers).toEqual([StandIn.story])
      yield* pace.limit(10)
      yield* page.press("Again")
      yield* page.use((tab) => tab.getByText("streaming").waitFor())
      yield* pace.free
      yield* page.use((tab) => tab.getByText("ready").waitFor())
      expect(yield* page.answers).toEqual([StandIn.story])
      expect(page.errors).toEqual([])
    }))

  test("stops in the middle of an answer, and goes on in the same chat", () =>
    Effect.gen(function* () {
      const { pace, page } = yield* inTheMiddle
      yield* page.press("Stop")
      yield* page.use((tab) => tab.getByText("ready").waitFor())
      yield* pace.free
      const [answer] = yield* page.answers
      expect(answer).not.toContain("all the same")
      yield* page.say("hello")
      yield* page.shows(/I have read 4 messages/)
      expect(page.errors).toEqual([])
    }))
})
