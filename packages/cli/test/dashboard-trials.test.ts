/** The pages of trials in a real browser. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Browser from "./Browser.js"
import { shows, Stage, visit } from "./DashboardStage.js"
import { run, write } from "./Processes.js"

const score = `export default ({ original, trial }) => (trial.message === original.message ? 1 : 0.25)`

layer(Layer.provideMerge(Stage.layer, NodeContext.layer), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("the pages of trials", (it) => {
  const scoped = Browser.isThere ? it.scoped : it.scoped.skip

  scoped("show each run of a trial with its original, what differs, and the scores", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Stage
      const command = (...args: ReadonlyArray<string>) => run(args, { cwd, env })
      const { faults, page } = yield* visit()
      yield* Effect.promise(async () => {
        await page.getByRole("link", { name: "Trials" }).click()
        await shows(page, "There is none yet")
      })
      for (const text of ["7", "8"]) {
        yield* command("submit", "--agent", "number", "--label", "trials=yes", "--watch", text)
      }
      const changed = ["--message", "8", "--budget", "steps=100"]
      yield* command("trials", "create", "only eight", "--label", "trials=yes", ...changed, "--wait")
      yield* Effect.promise(async () => {
        const row = page.getByRole("row", { name: /only eight/ })
        await row.getByText("the message").waitFor()
        await row.getByText("100 steps").waitFor()
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "trials-light")
        await row.getByRole("link", { name: "only eight" }).click()
        await page.getByRole("region", { name: "All pairs" }).getByText("of 2 pairs").waitFor()
        const seven = page.getByRole("row", { name: /^7/ })
        await seven.getByText("8", { exact: true }).waitFor()
        await page.getByRole("row", { name: /^8/ }).getByText("Same").waitFor()
        await seven.getByRole("button", { name: "7" }).click()
        expect(await page.getByRole("deletion").allTextContents()).toEqual(["7"])
        expect(await page.getByRole("insertion").allTextContents()).toEqual(["8"])
        const original = page.getByRole("region", { name: "Original" })
        expect(await original.getByText("Number 7 is known.").count()).toBe(1)
        expect(await page.getByRole("columnheader", { name: "Score" }).count()).toBe(0)
      })
      yield* write(cwd, "score.mjs", score)
      yield* command("trials", "report", "only eight", "--score", "./score.mjs", "--save")
      yield* Effect.promise(async () => {
        await page.reload()
        await page.getByRole("region", { name: "All pairs" }).getByText("0.625").waitFor()
        await page.getByRole("row", { name: /^7/ }).getByRole("cell", { name: "0.25" }).waitFor()
        await page.getByRole("button", { name: "7" }).click()
        await page.getByRole("deletion").waitFor()
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "trial-light")
        await page.getByRole("link", { name: "Original" }).click()
        await shows(page, "Number 7 is known.")
      })
      expect(faults).toEqual([])
      for (const look of ["dark", "phone"] as const) {
        const other = yield* visit(look)
        yield* Effect.promise(async () => {
          const { page: seen } = other
          await seen.goto(new URL("/trials/only%20eight", seen.url()).href)
          await seen.getByRole("button", { name: "7" }).click()
          await seen.getByRole("deletion").waitFor()
          expect(await Browser.violations(seen)).toEqual([])
          const width = await seen.evaluate<number>("document.documentElement.scrollWidth - innerWidth")
          expect(width).toBeLessThanOrEqual(0)
          await Browser.picture(seen, `trial-${look}`)
        })
        expect(other.faults).toEqual([])
      }
    }),
  )
})
