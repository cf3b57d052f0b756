/** What the tests of the dashboard share: a server, a browser, workers, and the steps of a person. */
import { Context, Effect, Layer } from "effect"
import type { Browser as Chromium, Page } from "playwright-core"
import * as Bundle from "../checkout/bundle.mjs"
import * as Browser from "./Browser.js"
import { has, json, room, type Settings, start } from "./Processes.js"

const module = Effect.promise(() => Bundle.fixture(new URL("fixtures/seen.ts", import.meta.url)))

/** Starts a worker of the agents with a short lease, and waits until it is registered. */
export const startWorker = Effect.fnUntraced(function* (
  settings: Settings,
  name: string,
  ...agents: ReadonlyArray<string>
) {
  const flags = ["--lease", "5s", "--key", name, "--name", name, "--module", yield* module]
  const ofAgents = agents.flatMap((agent) => ["--agent", agent])
  const running = yield* start(["worker", "--json", ...flags, ...ofAgents], settings)
  yield* running.line(has({ event: "registered" }))
  return running
})

/** Those of the module, but the one whose worker is killed. */
const agents = ["deployer", "steered", "writer", "lead", "failing", "mixed", "many", "number", "paying"]

/** A server, a browser, and a worker that takes the runs of all agents but the one whose worker is killed. */
export class Stage extends Context.Tag("cli/test/dashboard/Stage")<
  Stage,
  {
    readonly browser: Chromium
    readonly cwd: string
    readonly env: { readonly RUNLEASE_URL: string; readonly RUNLEASE_API_KEY: string }
  }
>() {
  static readonly layer = Layer.scoped(
    Stage,
    Effect.gen(function* () {
      const { cwd, env } = yield* room
      const browser = yield* Browser.launch
      yield* startWorker({ cwd, env }, "carol", ...agents)
      return { browser, cwd, env }
    }),
  )
}

export const visit = (look?: Browser.Look, host?: string) =>
  Effect.flatMap(Stage, ({ browser, env }) => {
    const url = new URL(env.RUNLEASE_URL)
    if (host !== undefined) url.hostname = host
    return Browser.visit(browser, url.origin, env.RUNLEASE_API_KEY, look)
  })

/** Submits a run on the page for it, and waits for the run's page. Gives the run's id. */
export const submit = async (page: Page, agent: string, text: string): Promise<string> => {
  await page.goto(new URL(`/submit?agent=${agent}`, page.url()).href)
  await page.getByLabel("What it is to do").fill(text)
  await page.getByRole("button", { name: "Submit the run" }).click()
  await page.waitForURL(/\/runs\/[^/?]+/)
  return decodeURIComponent(new URL(page.url()).pathname.split("/").at(-1)!)
}

/** Cancels the run on its page. */
export const cancel = async (page: Page): Promise<void> => {
  await page.getByRole("button", { name: "Cancel", exact: true }).click()
  await page
    .getByRole("alertdialog")
    .getByRole("button", { name: /^Cancel/ })
    .click()
  await page.getByText("Cancelled").first().waitFor()
}

export const shows = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor()

export const statusOf = (env: Context.Tag.Service<Stage>["env"], run: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${env.RUNLEASE_URL}/runs/${run}`, {
      headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}` },
    })
    return json(await response.text())["status"]
  })
