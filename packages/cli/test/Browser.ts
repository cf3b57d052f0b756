/**
 * Chromium, and pages of it.
 */
import { AxeBuilder } from "@axe-core/playwright"
import { Effect, type Scope } from "effect"
import { existsSync, mkdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"

/** The browser that Debian's package `chromium` installs, or the one that CHROMIUM names. */
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

/** Whether there is a browser. Without one its tests are skipped, and a line says so. */
export const isThere = existsSync(executablePath)
if (!isThere) {
  process.stderr.write(
    `No browser at ${executablePath}: the tests of the dashboard in a browser are skipped\n`,
  )
}

/** A host whose pages are no secure context. */
export const plainHost = "plain.test"

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A name that a browser does not trust without TLS, as it does the names of this machine.
  `--host-resolver-rules=MAP ${plainHost} 127.0.0.1`,
]

/** A browser, which ends with the Scope. */
export const launch: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => chromium.launch({ executablePath, args: flags })),
  (browser) => Effect.promise(() => browser.close()),
)

/** How a page is looked at. */
export const looks = {
  light: { colorScheme: "light", viewport: { width: 1440, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1440, height: 900 } },
  phone: {
    colorScheme: "light",
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    hasTouch: true,
  },
} as const

export type Look = keyof typeof looks

/** A signed-in page. `faults` are errors of its scripts and refusals of its policy so far. */
export interface Visitor {
  readonly page: Page
  readonly context: BrowserContext
  readonly faults: Array<string>
}

/** Where pictures of the pages are kept. */
const pictures = fileURLToPath(new URL("../../../artifacts/dashboard/", import.meta.url))

/** Opens a page of the dashboard and signs in with the key. */
export const visit = (browser: Browser, url: string, key: string, look: Look = "light") =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Visitor> => {
      const context = await browser.newContext(looks[look])
      const page = await context.newPage()
      page.setDefaultTimeout(240_000)
      const faults: Array<string> = []
      page.on("pageerror", (error) => faults.push(error.message))
      page.on("console", (message) => {
        if (message.type() === "error" && !message.text().includes("401")) faults.push(message.text())
      })
      await page.goto(`${url}/`)
      await page.getByLabel("API key").fill(key)
      await page.getByRole("button", { name: "Sign in" }).click()
      await page.getByRole("heading", { name: "Overview" }).waitFor()
      return { page, context, faults }
    }),
    ({ context }) => Effect.promise(() => context.close()),
  )

/** What axe finds on a page, as lines. */
export const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  const { violations: found } = await new AxeBuilder({ page }).analyze()
  return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

/** Keeps a picture of the page. */
export const picture = async (page: Page, name: string): Promise<void> => {
  mkdirSync(pictures, { recursive: true })
  await page.screenshot({ path: `${pictures}${name}.png` })
}
