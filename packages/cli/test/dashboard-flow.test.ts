/** Labels, limits and bulk operations in a real browser. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { isDeepStrictEqual } from "node:util"
import * as Browser from "./Browser.js"
import { shows, Stage, statusOf, visit } from "./DashboardStage.js"
import { jsonLines, run } from "./Processes.js"

const submit = Effect.fnUntraced(function* (id: string, ...flags: ReadonlyArray<string>) {
  const { cwd, env } = yield* Stage
  yield* run(["submit", "--id", id, ...flags], { cwd, env })
})

layer(Layer.provideMerge(Stage.layer, NodeContext.layer), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("labels, limits and bulk operations in a browser", (it) => {
  const scoped = Browser.isThere ? it.scoped : it.scoped.skip

  scoped("find the runs of a label that is clicked, and of another one that is typed", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const labelled = (id: string, customer: string, env: string) =>
        submit(id, "--agent", "number", "--label", `customer=${customer}`, "--label", `env=${env}`, id)
      yield* labelled("first-live", "42", "live")
      yield* labelled("first-test", "42", "test")
      yield* labelled("second-live", "7", "live")
      yield* Effect.promise(async () => {
        await page.goto(new URL("/runs/first-live", page.url()).href)
        await page.getByRole("link", { name: "customer:42" }).click()
        await page.waitForURL(/\/runs\?q=label/)
        const row = (title: string) => page.getByRole("row", { name: title })
        await row("first-test").waitFor()
        await row("first-live").waitFor()
        expect(await row("second-live").count()).toBe(0)
        await row("first-live").getByRole("link", { name: "env:live" }).click()
        await row("first-test").waitFor({ state: "detached" })
        await row("first-live").waitFor()
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "runs-labels-light")
        await page.getByRole("button", { name: "Remove the filter Label customer:42" }).click()
        await row("second-live").waitFor()
        await page.getByLabel("Search runs").fill("label:customer:7 ")
        await row("first-live").waitFor({ state: "detached" })
        await page.getByRole("button", { name: "Remove the filter Label customer:7" }).waitFor()
      })
      expect(faults).toEqual([])
    }),
  )

  scoped("cancel, retry and label all runs that match, and say first how many they are", () =>
    Effect.gen(function* () {
      const { env } = yield* Stage
      const { faults, page } = yield* visit()
      yield* submit("ended", "--agent", "number", "--label", "import=old", "9")
      const pending = ["pending-1", "pending-2", "pending-3"]
      for (const id of pending) {
        yield* submit(id, "--agent", "absent", "--kind", "special", "--label", "import=old", id)
      }
      yield* submit("other", "--agent", "absent", "--kind", "special", "--label", "import=new", "other")
      yield* Effect.promise(async () => {
        await page.goto(new URL("/runs", page.url()).href)
        const menu = page.getByRole("button", { name: "All that match" })
        const choose = async (action: string) => {
          await menu.click()
          await page.getByRole("menuitem", { name: action }).click()
        }
        await page.getByRole("row", { name: "other" }).waitFor()
        expect(await menu.count()).toBe(0)
        await page.goto(new URL("/runs?q=label:import:old", page.url()).href)
        await page.getByRole("row", { name: "Completed" }).waitFor()
        const dialog = page.getByRole("alertdialog")
        const close = () => dialog.getByRole("button", { name: "Close" }).click()

        await choose("Cancel")
        await dialog.getByRole("heading", { name: "Cancel 3 runs?" }).waitFor()
        await dialog
          .getByText("They match Label import:old and have not ended; 1 more ended already.")
          .waitFor()
        await dialog.getByLabel("Reason, optional").fill("The file was wrong")
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "cancel-all-light")
        await dialog.getByRole("button", { name: "Cancel 3 runs" }).click()
        await dialog.getByText("3 cancelled, 1 ended already.").waitFor()
        await close()
        await page.getByRole("row", { name: "Cancelled" }).nth(2).waitFor()
        await choose("Cancel")
        await dialog.getByText("None of the runs that match is left to cancel.").waitFor()
        await close()

        await choose("Label")
        await dialog.getByLabel("Name").fill("Team")
        await dialog.getByText("the first a letter or a digit").waitFor()
        await dialog.getByLabel("Name").fill("team")
        await dialog.getByLabel("Value").fill("a")
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "label-all-light")
        await dialog.getByRole("button", { name: "Count the runs" }).click()
        await dialog.getByText("Each gets the label team:a.").waitFor()
        await dialog.getByRole("button", { name: "Label 4 runs" }).click()
        await dialog.getByText("4 labelled.").waitFor()
        await close()

        await choose("Retry")
        await dialog.getByText("They match Label import:old and have ended.").waitFor()
        await dialog.getByLabel("From the start: do recorded steps again").check()
        await dialog.getByText("may cost as much again").waitFor()
        await dialog.getByRole("button", { name: "Retry 4 runs" }).click()
        await dialog.getByText("4 submitted again.").waitFor()
      })
      for (const id of pending) expect(yield* statusOf(env, id)).toBe("cancelled")
      expect(yield* statusOf(env, "other")).toBe("pending")
      const { cwd } = yield* Stage
      const listed = yield* run(["runs", "list", "--json", "--label", "import=old"], { cwd, env })
      const found = jsonLines(listed.stdout)
      expect(found).toHaveLength(8)
      expect(found.every(({ labels }) => isDeepStrictEqual(labels, { import: "old", team: "a" }))).toBe(true)
      expect(faults).toEqual([])
    }),
  )

  for (const look of ["light", "phone"] as const) {
    scoped(`retry a run behind its payment, and from the start after a question, ${look}`, () =>
      Effect.gen(function* () {
        const { faults, page } = yield* visit(look)
        const failed = `pay-${look}`
        yield* submit(failed, "--agent", "paying", "Pay for it")
        yield* Effect.promise(async () => {
          const open = (id: string) => page.goto(new URL(`/runs/${id}`, page.url()).href)
          const isAnother = () => page.waitForURL((url) => !url.pathname.includes(failed))
          await open(failed)
          await shows(page, "Failed: no_stock")
          await page.getByRole("button", { name: "Retry", exact: true }).click()
          await isAnother()
          await shows(page, "Retry of")
          await shows(page, "keeps 2 records")
          await shows(page, "It is sent.")
          // What the run had shown stands there once, and the payment was made once.
          expect(await page.getByText("Payment 1 is made.").count()).toBe(1)
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `retry-${look}`)

          await open(failed)
          await page.getByRole("button", { name: "Retry from the start" }).click()
          const dialog = page.getByRole("alertdialog")
          await dialog.getByText("these 2 recorded steps").waitFor()
          await dialog.getByRole("listitem").filter({ hasText: "pay order-7" }).waitFor()
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `retry-from-start-${look}`)
          await dialog.getByRole("button", { name: "Leave it" }).click()
          await dialog.waitFor({ state: "detached" })
          await page.getByRole("button", { name: "Retry from the start" }).click()
          await dialog.getByRole("button", { name: "Do all of it again" }).click()
          await isAnother()
          await shows(page, "from the start")
          await shows(page, "Payment 2 is made.")
        })
        expect(faults).toEqual([])
      }),
    )
  }

  for (const look of ["light", "dark"] as const) {
    scoped(`cancel and label the runs that are selected, ${look}`, () =>
      Effect.gen(function* () {
        const { env } = yield* Stage
        const { faults, page } = yield* visit(look)
        const ids = ["one", "two", "three"].map((name) => `${name}-selected-${look}`)
        for (const id of ids) yield* submit(id, "--agent", `absent-${look}`, "--label", `look=${look}`, id)
        yield* Effect.promise(async () => {
          await page.goto(new URL(`/runs?q=label:look:${look}`, page.url()).href)
          const select = (id: string) => page.getByRole("row", { name: id }).getByRole("checkbox").check()
          await select(ids[0]!)
          await select(ids[1]!)
          const bar = page.getByRole("region", { name: "Selected runs" })
          await bar.getByText("2 runs selected").waitFor()
          const dialog = page.getByRole("alertdialog")
          await bar.getByRole("button", { name: "Label" }).click()
          await dialog.getByLabel("Name").fill("look")
          await dialog.getByLabel("Remove the label instead").check()
          await Browser.picture(page, `label-selected-${look}`)
          await dialog.getByRole("button", { name: "Count the runs" }).click()
          await dialog.getByText("They are selected. Each loses the label look.").waitFor()
          await dialog.getByRole("button", { name: "Leave them" }).click()
          await bar.getByRole("button", { name: "Cancel" }).click()
          await dialog.getByText("They are selected and have not ended.").waitFor()
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `cancel-selected-${look}`)
          await dialog.getByRole("button", { name: "Cancel 2 runs" }).click()
          await dialog.getByText("2 cancelled.").waitFor()
          await dialog.getByRole("button", { name: "Close" }).click()
          await bar.waitFor({ state: "detached" })
          await page.getByRole("row", { name: "Cancelled" }).nth(1).waitFor()
        })
        expect(yield* Effect.forEach(ids, (id) => statusOf(env, id))).toEqual([
          "cancelled",
          "cancelled",
          "pending",
        ])
        expect(faults).toEqual([])
      }),
    )
  }

  for (const look of ["light", "dark", "phone"] as const) {
    scoped(`show the runs that wait at a limit, which is paused and resumed, ${look}`, () =>
      Effect.gen(function* () {
        const { faults, page } = yield* visit(look)
        const key = `customer-${look}`
        for (const id of ["one", "two", "three"]) {
          const limit = ["--concurrency-key", key, "--concurrency-limit", "1"]
          yield* submit(`${id}-${look}`, "--agent", "writer", ...limit, "Write a report")
        }
        yield* Effect.promise(async () => {
          await page.goto(new URL(`/runs/three-${look}`, page.url()).href)
          const why = page.getByRole("region", { name: "Why it does not start" })
          await why.getByText(`It waits for a place at limit "${key}", 2nd of 2.`).waitFor()
          await why.getByRole("link", { name: "See all limits" }).click()
          await page.getByRole("heading", { name: "Limits" }).first().waitFor()
          const row = page
            .getByRole(look === "phone" ? "listitem" : "row")
            .filter({ hasText: key, visible: true })
          await row.getByText("1 of 1").waitFor()
          await row.getByRole("img", { name: /^1 of 1 places in use/ }).waitFor()
          await row.getByRole("button", { name: `Pause ${key}` }).click()
          await row.getByRole("button", { name: `Resume ${key}` }).waitFor()
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `limits-${look}`)
          await row.getByRole("button", { name: `Resume ${key}` }).click()
          await row.getByRole("button", { name: `Pause ${key}` }).waitFor()
          await shows(page, /\d full/)

          const agent = `writer-${look}`
          await page.getByRole("button", { name: "New limit" }).click()
          const dialog = page.getByRole("dialog", { name: "New limit" })
          await dialog.getByLabel("Pending, optional").fill("1000001")
          await dialog.getByRole("button", { name: "Set the limit" }).click()
          await dialog.getByText("A whole number from 0 to 1,000,000").waitFor()
          await dialog.getByText("Words of a-z and 0-9 with dashes between them").waitFor()
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `limits-form-${look}`)
          await dialog.getByLabel("Of", { exact: true }).click()
          await page.getByRole("option", { name: "All runs of an agent" }).click()
          await dialog.getByLabel("Agent", { exact: true }).fill(agent)
          await dialog.getByLabel("Running at once, optional").fill("7")
          await dialog.getByRole("button", { name: "Set the limit" }).click()
          await dialog.waitFor({ state: "detached" })
          const set = page
            .getByRole(look === "phone" ? "listitem" : "row")
            .filter({ hasText: `Agent ${agent}`, visible: true })
          await set.getByText("0 of 7").waitFor()
          await set.getByRole("button", { name: `Change Agent ${agent}` }).click()
          const change = page.getByRole("dialog", { name: "Change the limit" })
          await change.getByLabel("Running at once, optional").fill("8")
          await change.getByRole("button", { name: "Set the limit" }).click()
          await set.getByText("0 of 8").waitFor()
        })
        expect(faults).toEqual([])
      }),
    )
  }
})
