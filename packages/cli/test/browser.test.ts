/** A run that is taken over, in a real browser. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Browser from "./Browser.js"
import { shows, Stage, startWorker, submit, visit } from "./DashboardStage.js"

layer(Layer.provideMerge(Stage.layer, NodeContext.layer), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("the dashboard in a browser", (it) => {
  const scoped = Browser.isThere ? it.scoped : it.scoped.skip

  scoped("submits a run, watches it stream, loses its worker, and shows who held it", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const stage = yield* Stage
      const first = yield* startWorker(stage, "ada", "storyteller")
      yield* Effect.promise(async () => {
        await submit(page, "storyteller", "Tell me a story")
        await shows(page, "Once there was a lease.")
      })
      yield* first.signal("SIGKILL")
      yield* first.ended
      yield* startWorker(stage, "brian", "storyteller")
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

  scoped("reads the documentation of the API, whose policy refuses nothing that the page does", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      yield* Effect.promise(async () => {
        const answer = await page.goto(new URL("/docs/api", page.url()).href)
        expect(answer?.headers()["content-security-policy"]).toContain("frame-ancestors 'none'")
        await shows(page, "/agent-workers/workers/{worker_id}/claim")
        await page.getByText("/healthz").first().click()
        await page.getByRole("button", { name: "Try it out" }).click()
        await page.getByRole("button", { name: "Execute" }).click()
        await page.locator(".live-responses-table").waitFor()
        const back = page.getByRole("link", { name: "All documentation" })
        expect(await back.getAttribute("href")).toBe("/docs")
      })
      expect(faults).toEqual([])
    }),
  )
})
