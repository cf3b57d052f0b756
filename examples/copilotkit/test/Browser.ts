import { Effect } from "effect"
import { existsSync } from "node:fs"
import { chromium, type Page } from "playwright-core"

/** The browser that Debian's package `chromium` installs, or the one that CHROMIUM names. */
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

export const isInstalled = existsSync(executablePath)

export interface Tab {
  /** Executes code in the browser. */
  readonly use: <A>(action: (page: Page) => Promise<A>) => Effect.Effect<A>
  /** Every address that the page requested, and every uncaught error. */
  readonly requests: ReadonlyArray<string>
  readonly errors: ReadonlyArray<string>
}

/** A browser with one page, closed with the Scope. */
export const open = (url: string) =>
  Effect.gen(function* () {
    const browser = yield* Effect.acquireRelease(
      // Chromium has no sandbox as root, as in a container.
      Effect.promise(() => chromium.launch({ executablePath, args: ["--no-sandbox"] })),
      (browser) => Effect.promise(() => browser.close()),
    )
    const page = yield* Effect.promise(() => browser.newPage({ viewport: { width: 1100, height: 760 } }))
    // Vite compiles CopilotKit for the first page.
    page.setDefaultTimeout(240_000)
    const requests: Array<string> = []
    const errors: Array<string> = []
    page.on("request", (request) => requests.push(request.url()))
    page.on("pageerror", (error) => errors.push(error.message))
    const use: Tab["use"] = (action) => Effect.promise(() => action(page))
    yield* use((page) => page.goto(url))
    return { use, requests, errors } satisfies Tab
  })

export const say = (tab: Tab, text: string) =>
  tab.use(async (page) => {
    await page.getByRole("textbox").fill(text)
    await page.keyboard.press("Enter")
  })

/** Waits until the page shows this text. */
export const shows = (tab: Tab, text: string | RegExp) =>
  tab.use((page) => page.getByText(text).last().waitFor())
