/** The dashboard in a real browser, against a real server and real workers. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Browser from "./Browser.js"
import { cancel, shows, Stage, statusOf, submit, visit } from "./DashboardStage.js"
import { json, run } from "./Processes.js"
import * as Searches from "../../testkit/test/Searches.js"

layer(Layer.provideMerge(Stage.layer, NodeContext.layer), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("the dashboard in a browser", (it) => {
  const scoped = Browser.isThere ? it.scoped : it.scoped.skip

  scoped("answers an approval, and steers a run that waits for a word", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      yield* Effect.promise(async () => {
        await submit(page, "deployer", "Deploy it")
        await page.getByLabel("What it is about").getByText("900", { exact: true }).waitFor()
        await page.getByRole("region", { name: "Change" }).getByText("-replicas: 300").waitFor()
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

  scoped("says why a run does not start, with the words and the command of `runs explain`", () =>
    Effect.gen(function* () {
      const { env, ...settings } = yield* Stage
      const { faults, page } = yield* visit()
      const explained = (id: string) =>
        Effect.map(
          run(["runs", "explain", id, "--json"], { ...settings, env }),
          ({ stdout }) => json(stdout)["waits_for"] as ReadonlyArray<{ readonly text: string }>,
        )
      const shown = (id: string, command: string) =>
        Effect.gen(function* () {
          const [obstacle] = yield* explained(id)
          yield* Effect.promise(async () => {
            await page.goto(new URL(`/runs/${id}`, page.url()).href)
            const panel = page.getByRole("region", { name: "Why it does not start" })
            await panel.getByText(obstacle!.text).waitFor()
            await panel.getByText(command, { exact: true }).waitFor()
            expect(await Browser.violations(page)).toEqual([])
          })
        })
      const submitted = (id: string, ...flags: ReadonlyArray<string>) =>
        Effect.asVoid(run(["submit", "--id", id, ...flags, "Go on"], { ...settings, env }))

      yield* submitted("lane-first", "--agent", "steered")
      yield* Effect.promise(async () => {
        await page.goto(new URL("/runs/lane-first", page.url()).href)
        await shows(page, "What is next?")
        await shows(page, "Waiting for a message")
      })
      const first = yield* run(["runs", "get", "lane-first", "--json"], { ...settings, env })
      const lane = String(json(first.stdout)["conversation_id"])
      yield* submitted("lane-second", "--agent", "steered", "--conversation", lane)
      yield* shown("lane-second", "runlease runs explain lane-first")
      yield* Effect.promise(() => shows(page, "Waits for its lane."))
      yield* Effect.promise(() => Browser.picture(page, "run-behind-light"))
      yield* submitted("nobodys", "--agent", "nobody", "--kind", "special")
      yield* shown("nobodys", "runlease worker --agent nobody --kind special --command PROGRAM")
      yield* Effect.promise(() => Browser.picture(page, "run-without-worker-light"))
      expect(faults).toEqual([])
    }),
  )

  scoped("begins with the error of a failed run, and finds all that failed with its code", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      yield* Effect.promise(async () => {
        await submit(page, "failing", "Ask the model")
        const why = page.getByRole("region", { name: "Why it failed" })
        await why.getByText("The model took no more requests").waitFor()
        const lanes = page.getByRole("region", { name: "Leases" })
        const [error, picture] = [await why.boundingBox(), await lanes.boundingBox()]
        expect(error!.y).toBeLessThan(picture!.y)
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "run-failed-light")
        await submit(page, "steered", "Go on")
        await shows(page, "What is next?")
        await page.goto(new URL("/runs?agent=failing", page.url()).href)
        const code = page.getByRole("link", { name: "rate_limited" }).first()
        await code.waitFor()
        await code.click()
        await page.waitForURL(/code=rate_limited/)
        await page.getByText("Code", { exact: true }).first().waitFor()
        const tabs = page.getByRole("navigation", { name: "State" })
        await tabs.getByRole("link", { name: "All 1" }).waitFor()
        expect(await tabs.innerText()).toMatch(/Waiting\s+0\s+Failed\s+1\s/)
        await Browser.picture(page, "runs-by-code-light")
      })
      expect(faults).toEqual([])
    }),
  )

  scoped("counts the children that a run waits for, and shows what each of many has said", () =>
    Effect.gen(function* () {
      const { env } = yield* Stage
      const { faults, page } = yield* visit()
      const many = yield* Effect.promise(async () => {
        await submit(page, "mixed", "Look at the weather")
        await shows(page, "Waiting for 2 children")
        await shows(page, "The model took no more requests")
        await cancel(page)
        const run = await submit(page, "many", "Count")
        await page.getByText("All is counted.").first().waitFor()
        return run
      })
      // The text comes before the end, and what comes after the page was opened is new on it.
      yield* Effect.repeat(statusOf(env, many), { until: (status) => status === "completed" })
      yield* Effect.promise(async () => {
        await page.goto(new URL(`/runs/${many}`, page.url()).href)
        await shows(page, "All is counted.")
        await page.getByRole("link", { name: "122 more children" }).waitFor()
        await page.getByRole("link", { name: "0", exact: true }).scrollIntoViewIfNeeded()
        await shows(page, "Number 0 is known.")
        expect(await page.getByRole("button", { name: /\d new$/ }).count()).toBe(0)
      })
      expect(faults).toEqual([])
    }),
  )

  for (const look of ["light", "dark"] as const) {
    scoped(`shows Markdown while it is written, ${look}`, () =>
      Effect.gen(function* () {
        const { faults, page } = yield* visit(look)
        yield* Effect.promise(async () => {
          const elsewhere: Array<string> = []
          page.on("request", (request) => {
            if (new URL(request.url()).origin !== new URL(page.url()).origin) elsewhere.push(request.url())
          })
          await submit(page, "writer", "Write a report")
          const text = page.locator(".markdown", { hasText: "What I found" })
          await text.getByText("All of it is in the log").waitFor()
          await text.locator(".hljs-addition").waitFor()
          expect(await text.innerText()).toMatch(/All of it is in the log$/)
          expect(await text.innerText()).toContain('<img src="/seen.png" onerror="alert(1)">')
          expect(await text.locator("img").count()).toBe(0)
          const links = `Array.from(document.querySelectorAll(".markdown a"), ({ href }) => href)`
          expect(await page.evaluate(links)).toEqual([
            "https://example.com/runs/1",
            "https://example.com/lease.png",
          ])
          expect(await Browser.violations(page)).toEqual([])
          await page.setViewportSize({ width: 1440, height: 1500 })
          await Browser.picture(page, `markdown-${look}`)
          await cancel(page)
          expect(elsewhere).toEqual([])
        })
        expect(faults).toEqual([])
      }),
    )
  }

  scoped("copies from a page without TLS", () =>
    Effect.gen(function* () {
      const { page } = yield* visit("light", Browser.plainHost)
      yield* Effect.promise(async () => {
        expect(await page.evaluate("navigator.clipboard === undefined")).toBe(true)
        const run = await submit(page, "steered", "Go on")
        const message = page.getByLabel("Message to this run")
        await shows(page, "What is next?")
        await page.getByRole("button", { name: "Copy id" }).click()
        await page.getByRole("button", { name: "Copied" }).waitFor()
        await message.press("Control+v")
        expect(await message.inputValue()).toBe(run)
        await page.getByRole("button", { name: "Commands for this run" }).click()
        await page.getByRole("menuitem").first().click()
        await message.fill("")
        await message.press("Control+v")
        expect(await message.inputValue()).toMatch(new RegExp(`^runlease .*${run}`))
      })
    }),
  )

  scoped("loads a page again that is of an older build", () =>
    Effect.gen(function* () {
      const { page } = yield* visit()
      yield* Effect.promise(async () => {
        // The page of another build, whose files have other names.
        const files = /\/(?:assets\/[^/]+\.js)?$/
        await page.route(files, async (route) => {
          const response = await route.fetch({ url: route.request().url().replace("-older.js", ".js") })
          const body = (await response.text()).replaceAll(/(?<=\/[\w-]+-[\w-]{8})(?=\.js\b)/g, "-older")
          await route.fulfill({ response, body })
        })
        await page.reload()
        await page.getByRole("heading", { name: "Overview" }).waitFor()
        await page.unrouteAll({ behavior: "wait" })
        const loadedAgain = page.waitForEvent("load")
        await page.keyboard.press("?")
        await loadedAgain
        await page.getByRole("heading", { name: "Overview" }).waitFor()
        await page.keyboard.press("?")
        await page.getByRole("dialog", { name: "Keys" }).waitFor()
      })
    }),
  )

  scoped("loads its first page within the budget", () =>
    Effect.gen(function* () {
      const { page } = yield* visit()
      yield* Effect.promise(async () => {
        await submit(page, "steered", "Go on")
        await page.goto(new URL("/", page.url()).href)
        await page.locator(".uplot").first().waitFor()
        const sizes = await page.evaluate<Array<number>>(
          `performance.getEntriesByType("resource")
            .filter(({ name }) => name.endsWith(".js"))
            .map(({ encodedBodySize }) => encodedBodySize)`,
        )
        expect(Math.min(...sizes)).toBeGreaterThan(0)
        expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(150_000)
      })
    }),
  )

  scoped("cancels a tree of runs", () =>
    Effect.gen(function* () {
      const { env } = yield* Stage
      const { faults, page } = yield* visit()
      const run = yield* Effect.promise(async () => {
        const id = await submit(page, "lead", "Research bees and tides")
        await shows(page, "About tides")
        await cancel(page)
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

  for (const look of Searches.oneOf(["light", "dark", "phone"] as const)) {
    scoped(`axe finds nothing on any page, ${look}`, () =>
      Effect.gen(function* () {
        const { faults, page } = yield* visit(look)
        yield* Effect.promise(async () => {
          await submit(page, "deployer", `Deploy it, ${look}`)
          await page.getByRole("button", { name: "Approve" }).waitFor()
          const run = new URL(page.url()).pathname
          const pages = {
            run,
            overview: "/",
            runs: "/runs",
            workers: "/workers",
            schedules: "/schedules",
            limits: "/limits",
            outbox: "/outbox",
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
