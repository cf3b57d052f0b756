/** Forks with edits in a real browser. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Page } from "playwright-core"
import * as Browser from "./Browser.js"
import { shows, Stage, statusOf, submit, visit } from "./DashboardStage.js"

/** Opens the dialog of a fork that begins at a part of the run. */
const forkFrom = async (page: Page, name: string) => {
  await page
    .getByRole("button", { name: `Fork from here: ${name}` })
    .first()
    .click()
  return page.getByRole("alertdialog")
}

/** Confirms the dialog, and waits for the page of another run. Returns its id. */
const confirm = async (page: Page): Promise<string> => {
  const before = page.url()
  await page.getByRole("alertdialog").getByRole("button", { name: "Fork", exact: true }).click()
  await page.waitForURL((url) => url.pathname !== new URL(before).pathname)
  return decodeURIComponent(new URL(page.url()).pathname.split("/").at(-1)!)
}

layer(Layer.provideMerge(Stage.layer, NodeContext.layer), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("a fork from a part of a run in a browser", (it) => {
  const scoped = Browser.isThere ? it.scoped : it.scoped.skip

  scoped("has another result of a step, another text and another message, and its page lists them", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const { env } = yield* Stage
      const forked = yield* Effect.promise(async () => {
        const original = await submit(page, "paying", "Pay for order 7")
        await shows(page, "There is nothing to send")

        await page.getByRole("link", { name: /^Steps/ }).click()
        const steps = await forkFrom(page, "pay")
        const result = steps.getByLabel("Result of pay, as JSON")
        expect(JSON.parse(await result.inputValue())).toEqual({ payment: 1 })
        await result.fill('{"payment": ')
        await steps.getByRole("button", { name: "Fork", exact: true }).click()
        await steps.getByText(/^No JSON/).waitFor()
        await result.fill('{"payment": 0}')
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "run-fork-edit-light")
        const byStep = await confirm(page)
        await shows(page, "Fork of")
        await shows(page, "step pay")

        await page.goto(new URL(`/runs/${original}`, page.url()).href)
        await (await forkFrom(page, "text")).getByLabel("Text").fill("Paid by hand.")
        await confirm(page)
        await shows(page, "Paid by hand.")

        await page.goto(new URL(`/runs/${original}`, page.url()).href)
        await (await forkFrom(page, "message")).getByLabel("Message").fill("Pay for order 8")
        await confirm(page)
        await shows(page, "the message of the user")
        await shows(page, "Pay for order 8")
        return byStep
      })
      yield* Effect.repeat(statusOf(env, forked), { until: (status) => status === "completed" })
      expect(faults).toEqual([])
    }),
  )

  scoped("has another answer in the form of its question, and does not pose it again", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      yield* Effect.promise(async () => {
        await submit(page, "deployer", "Deploy it")
        await page.getByRole("button", { name: "Approve" }).click()
        await shows(page, "It is deployed.")
        const dialog = await forkFrom(page, "deploy")
        await dialog.getByRole("checkbox", { name: "Approved" }).uncheck()
        await dialog.getByLabel("Reason").fill("Not on a Friday")
        await confirm(page)
        await shows(page, "answer to deploy")
        await shows(page, "It is left alone.")
      })
      expect(faults).toEqual([])
    }),
  )
})
