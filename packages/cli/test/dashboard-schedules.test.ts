/** The pages of schedules in a real browser. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Bundle from "../checkout/bundle.mjs"
import * as Browser from "./Browser.js"
import { shows, Stage, visit } from "./DashboardStage.js"
import { has, json, run, start } from "./Processes.js"

/** Creates a schedule by the command. Gives its id. */
const create = Effect.fnUntraced(function* (name: string, ...flags: ReadonlyArray<string>) {
  const { cwd, env } = yield* Stage
  const { stdout } = yield* run(["schedules", "create", name, "--json", ...flags], { cwd, env })
  return String(json(stdout)["id"])
})

layer(Layer.provideMerge(Stage.layer, NodeContext.layer), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("the pages of schedules", (it) => {
  const scoped = Browser.isThere ? it.scoped : it.scoped.skip

  scoped("list when each runs, pause and resume it, and begin a run", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const weekdays = ["--schedule", "0 2 * * 1-5", "--timezone", "Europe/Berlin"]
      yield* create("Count at night", "--agent", "number", ...weekdays, "--prompt", "7")
      yield* Effect.promise(async () => {
        await page.getByRole("link", { name: "Schedules" }).click()
        const row = page.getByRole("row", { name: /Count at night/ })
        await row.getByText("Monday to Friday at 02:00 Europe/Berlin").waitFor()
        await row.getByText(/^in \d+ [hmd]$/).waitFor()
        await row.getByRole("button", { name: "Pause Count at night" }).click()
        await row.getByText("Paused").waitFor()
        await row.getByRole("button", { name: "Run now: Count at night" }).click()
        const link = row.getByRole("link", { name: "Open the run" })
        await link.waitFor()
        await row.getByRole("button", { name: "Resume Count at night" }).click()
        await row.getByText("Active").waitFor()
        await link.click()
        await shows(page, "Number 7 is known.")
        await page.getByRole("region", { name: "Facts" }).getByRole("link").first().waitFor()
        await page.goBack()
        await row.waitFor()
      })
      expect(faults).toEqual([])
    }),
  )

  scoped("create one by a form, which says what is wrong with its times", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const { cwd, env } = yield* Stage
      yield* Effect.promise(async () => {
        await page.goto(new URL("/schedules", page.url()).href)
        await page.getByRole("button", { name: "New schedule" }).click()
        const form = page.getByRole("dialog", { name: "New schedule" })
        const button = form.getByRole("button", { name: "Create the schedule" })
        await button.click()
        await form.getByText("Say what it is for").waitFor()
        await form.getByLabel("Name", { exact: true }).fill("Count on the 30th")
        await form.getByLabel("Agent", { exact: true }).fill("number")
        await form.getByLabel("When", { exact: true }).fill("0 0 30 2 *")
        await form.getByLabel("Time zone").fill("Asia/Kolkata")
        await form.getByLabel("Input of each run").fill("30")
        await button.click()
        await form.getByRole("alert").filter({ hasText: "schedule" }).waitFor()
        await form.getByLabel("When", { exact: true }).fill("0 6 1 * *")
        await form.getByText("Day 1 of the month at 06:00.").waitFor()
        expect(await form.getByRole("alert").count()).toBe(0)
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "schedule-new-light")
        await button.click()
        await page.getByRole("heading", { name: "Count on the 30th" }).waitFor()
        await page
          .getByRole("region", { name: "Next ticks" })
          .getByText(/^\w+ 1 \w+, 06:00$/)
          .first()
          .waitFor()
      })
      const { stdout } = yield* run(["schedules", "list", "--json"], { cwd, env })
      expect(stdout).toContain(`"timezone":"Asia/Kolkata"`)
      expect(faults.filter((fault) => !fault.includes("422"))).toEqual([])
    }),
  )

  for (const look of ["light", "phone"] as const) {
    scoped(`change one in the fields of its agent's payload, ${look}`, () =>
      Effect.gen(function* () {
        const { faults, page } = yield* visit(look)
        const { cwd, env } = yield* Stage
        const module = yield* Effect.promise(() =>
          Bundle.fixture(new URL("fixtures/reviewing.ts", import.meta.url)),
        )
        const worker = yield* start(["worker", "--json", "--module", module], { cwd, env })
        yield* worker.line(has({ event: "registered" }))
        const name = `Review at night, ${look}`
        const input = JSON.stringify({ repository: "runlease", pull: 12 })
        const id = yield* create(name, "--agent", "review", "--schedule", "0 2 * * *", "--input", input)
        yield* Effect.promise(async () => {
          await page.goto(new URL(`/schedules/${id}`, page.url()).href)
          await page.getByRole("button", { name: "Change" }).click()
          const form = page.getByRole("dialog", { name: "Change the schedule" })
          const save = form.getByRole("button", { name: "Save the schedule" })
          expect(await form.getByLabel("Repository").inputValue()).toBe("runlease")
          await form.getByLabel("Pull").fill("1.5")
          await save.click()
          await form.getByText("Must be a whole number").waitFor()
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `schedule-change-${look}`)
          // What the form does not check the server refuses, in the words of a submission.
          await form.getByLabel("Pull").fill("0")
          await save.click()
          await form
            .getByRole("alert")
            .filter({ hasText: "The payload of agent review does not fit" })
            .waitFor()
          await form.getByLabel("Pull").fill("13")
          await form.getByLabel("When", { exact: true }).fill("0 3 * * *")
          await save.click()
          await form.waitFor({ state: "detached" })
          await page.getByRole("region", { name: "Input of each run" }).getByText('"pull": 13').waitFor()
        })
        const { stdout } = yield* run(["schedules", "get", id, "--json"], { cwd, env })
        expect(json(stdout)).toMatchObject({
          name,
          schedule: "0 3 * * *",
          config: { input: { repository: "runlease", pull: 13 } },
        })
        expect(faults.filter((fault) => !fault.includes("422"))).toEqual([])
      }),
    )
  }

  scoped("say first which schedule its failures have paused, and lead to what failed", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const each = ["--schedule", "every 1s", "--policy", "Allow", "--pause-after-failures", "1"]
      yield* create("Ask each second", "--agent", "failing", ...each, "--prompt", "Now")
      yield* Effect.promise(async () => {
        await page.goto(new URL("/schedules", page.url()).href)
        const notice = page.getByRole("region", { name: "Schedule Ask each second" })
        await notice.getByText("Ask each second is paused: its last run failed.").waitFor()
        await notice.getByText("No run begins until it is resumed.").waitFor()
        expect(await Browser.violations(page)).toEqual([])
        await notice.getByRole("link", { name: "See what failed" }).click()
        await shows(page, "The model took no more requests")
        await page.getByRole("region", { name: "Facts" }).getByText("Schedule", { exact: true }).waitFor()
      })
      expect(faults).toEqual([])
    }),
  )

  for (const look of ["light", "dark", "phone"] as const) {
    scoped(`show the ticks and the runs of one, fill what is past, and delete it, ${look}`, () =>
      Effect.gen(function* () {
        const { faults, page } = yield* visit(look)
        const { cwd, env } = yield* Stage
        const name = `Count each hour, ${look}`
        const hourly = ["--agent", "number", "--schedule", "0 * * * *", "--prompt", "9"]
        const id = yield* create(name, ...hourly)
        yield* Effect.promise(async () => {
          await page.goto(new URL("/schedules", page.url()).href)
          await page.getByRole("link", { name }).click()
          await page.getByRole("heading", { name }).waitFor()
          const ticks = page.getByRole("region", { name: "Next ticks" }).getByRole("listitem")
          await ticks.nth(7).waitFor()
          await shows(page, "It has begun no run yet.")
          await page.getByRole("button", { name: "Backfill" }).click()
          const dialog = page.getByRole("alertdialog")
          await dialog.getByRole("button", { name: "Begin the runs" }).click()
          await dialog.getByText(/^2[45] runs begun\.$/).waitFor()
          expect(await Browser.violations(page)).toEqual([])
          await dialog.getByRole("button", { name: "Close" }).click()
          const runs = page.getByRole("region", { name: "Runs" })
          await runs
            .getByText("Completed")
            .first()
            .waitFor({ state: look === "phone" ? "attached" : "visible" })
          await runs.getByText(/^2[45] begun$/).waitFor()
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `schedule-${look}`)
          await page.goto(new URL("/schedules", page.url()).href)
          await page.getByRole("link", { name }).waitFor()
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `schedules-${look}`)
          await page.getByRole("link", { name }).click()
          await page.getByRole("button", { name: "Delete" }).click()
          await page.getByRole("alertdialog").getByRole("button", { name: "Delete the schedule" }).click()
          await page.waitForURL(/\/schedules$/)
          await page.getByRole("link", { name }).waitFor({ state: "detached" })
          await page.goto(new URL(`/schedules/${id}`, page.url()).href)
          await shows(page, "It may belong to another project, or have been deleted.")
        })
        const { stdout } = yield* run(["schedules", "list", "--json"], { cwd, env })
        expect(stdout).not.toContain(id)
        expect(faults.filter((fault) => !fault.includes("404"))).toEqual([])
      }),
    )
  }
})
