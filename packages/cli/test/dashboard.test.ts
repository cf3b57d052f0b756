/** The dashboard in a real browser, against a real server and real workers. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import type { Browser as Chromium, Page } from "playwright-core"
import * as Browser from "./Browser.js"
import { has, json, room, start } from "./Processes.js"

const module = fileURLToPath(new URL("fixtures/seen.ts", import.meta.url))

/** A server, a browser, and what starts a worker. */
class Stage extends Context.Tag("cli/test/dashboard/Stage")<
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
      return { browser: yield* Browser.launch, cwd, env }
    }),
  )
}

/** Starts a worker with a short lease, and waits until it is registered. */
const worker = (name: string) =>
  Effect.gen(function* () {
    const { cwd, env } = yield* Stage
    const args = ["worker", "--json", "--lease", "5s", "--key", name, "--name", name, "--module", module]
    const running = yield* start(args, { cwd, env })
    yield* running.line(has({ event: "registered" }))
    return running
  })

const visit = (look?: Browser.Look) =>
  Effect.flatMap(Stage, ({ browser, env }) =>
    Browser.visit(browser, env.RUNLEASE_URL, env.RUNLEASE_API_KEY, look),
  )

/** Submits a run on the page for it, and waits for the run's page. Gives the run's id. */
const submit = async (page: Page, agent: string, text: string): Promise<string> => {
  await page.goto(new URL(`/submit?agent=${agent}`, page.url()).href)
  await page.getByLabel("What it is to do").fill(text)
  await page.getByRole("button", { name: "Submit the run" }).click()
  await page.waitForURL(/\/runs\/[^/?]+/)
  return decodeURIComponent(new URL(page.url()).pathname.split("/").at(-1)!)
}

const shows = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor()

const statusOf = (env: Context.Tag.Service<Stage>["env"], run: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${env.RUNLEASE_URL}/runs/${run}`, {
      headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}` },
    })
    return json(await response.text())["status"]
  })

layer(Layer.provideMerge(Stage.layer, NodeContext.layer), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("the dashboard in a browser", (it) => {
  const scoped = Browser.isThere ? it.scoped : it.scoped.skip

  scoped("submits a run, watches it stream, loses its worker, and shows who held it", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const first = yield* worker("ada")
      yield* Effect.promise(async () => {
        await submit(page, "storyteller", "Tell me a story")
        await shows(page, "Once there was a lease.")
      })
      yield* first.signal("SIGKILL")
      yield* first.ended
      yield* worker("brian")
      yield* Effect.promise(async () => {
        await shows(page, "It was taken over.")
        await shows(page, "brian took over")
        await shows(page, /2 claims, 1 lost/)
        await page.getByText("Completed").first().waitFor()
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "run-taken-over-light")
      })
      expect(faults).toEqual([])
    }),
  )

  scoped("answers an approval, and steers a run that waits for a word", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      yield* worker("carol")
      yield* Effect.promise(async () => {
        await submit(page, "deployer", "Deploy it")
        await page.getByRole("button", { name: "Approve" }).click()
        await shows(page, "It is deployed.")
        await submit(page, "steered", "Go on")
        await shows(page, "What is next?")
        await page.getByLabel("Message to this run").fill("left")
        await page.getByRole("button", { name: "Tell", exact: true }).click()
        await shows(page, "You said left.")
      })
      expect(faults).toEqual([])
    }),
  )

  scoped("cancels a tree of runs", () =>
    Effect.gen(function* () {
      const { env } = yield* Stage
      const { faults, page } = yield* visit()
      yield* worker("dan")
      const run = yield* Effect.promise(async () => {
        const id = await submit(page, "lead", "Research bees and tides")
        await shows(page, "About tides")
        await page.getByRole("button", { name: "Cancel", exact: true }).click()
        await page
          .getByRole("alertdialog")
          .getByRole("button", { name: /^Cancel/ })
          .click()
        await page.getByText("Cancelled").first().waitFor()
        return id
      })
      expect(yield* statusOf(env, run)).toBe("cancelled")
      const children = yield* Effect.promise(async () => {
        const response = await fetch(`${env.RUNLEASE_URL}/projects/default/runs?parent_run_id=${run}`, {
          headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}` },
        })
        return json(await response.text())["data"] as ReadonlyArray<{ readonly status: string }>
      })
      expect(children.map(({ status }) => status)).toEqual(["cancelled", "cancelled"])
      expect(faults).toEqual([])
    }),
  )

  for (const look of ["light", "dark", "phone"] as const) {
    scoped(`axe finds nothing on any page, ${look}`, () =>
      Effect.gen(function* () {
        const { faults, page } = yield* visit(look)
        yield* worker(`eve-${look}`)
        yield* Effect.promise(async () => {
          await submit(page, "deployer", `Deploy it, ${look}`)
          await page.getByRole("button", { name: "Approve" }).waitFor()
          const run = new URL(page.url()).pathname
          const pages = {
            run,
            overview: "/",
            runs: "/runs",
            workers: "/workers",
            conversations: "/conversations",
            submit: "/submit",
          }
          for (const [name, path] of Object.entries(pages)) {
            await page.goto(new URL(path, page.url()).href)
            await page.getByRole("heading").first().waitFor()
            await page.getByRole("status", { name: "Loading" }).first().waitFor({ state: "detached" })
            expect({ [name]: await Browser.violations(page) }).toEqual({ [name]: [] })
            await Browser.picture(page, `${name}-${look}`)
          }
        })
        expect(faults).toEqual([])
      }),
    )
  }

  scoped("a session ends with its key, and no script sees it", () =>
    Effect.gen(function* () {
      const { context, page } = yield* visit()
      yield* Effect.promise(async () => {
        const [cookie] = await context.cookies()
        expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" })
        expect(await page.evaluate("document.cookie + JSON.stringify({ ...localStorage })")).not.toContain(
          "rlk_",
        )
        await page.getByRole("button", { name: "Sign out" }).click()
        await page.getByLabel("API key").waitFor()
        await page.goto(new URL("/runs", page.url()).href)
        await page.getByLabel("API key").waitFor()
      })
    }),
  )
})
