/** The pages of webhooks in a real browser. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Browser as Chromium } from "playwright-core"
import * as Browser from "./Browser.js"
import { shows } from "./DashboardStage.js"
import { folder, json, run, start } from "./Processes.js"

/** A receiver on the loopback interface: the last part of an address is the status that it answers. */
const receiver = Effect.acquireRelease(
  Effect.async<ReturnType<typeof createServer>>((resume) => {
    const made = createServer((request, response) => {
      request.resume()
      response.writeHead(Number(request.url?.split("/").at(-1))).end()
    })
    made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
  }),
  (made) =>
    Effect.sync(() => {
      made.closeAllConnections()
      made.close()
    }),
)

/** A server that sends webhooks to this machine, a receiver, and a browser. */
class Stage extends Context.Tag("cli/test/dashboard-webhooks/Stage")<
  Stage,
  {
    readonly browser: Chromium
    readonly hook: string
    readonly cwd: string
    readonly env: { readonly RUNLEASE_URL: string; readonly RUNLEASE_API_KEY: string }
  }
>() {
  static readonly layer = Layer.scoped(
    Stage,
    Effect.gen(function* () {
      const cwd = yield* folder
      const server = yield* start(["serve", "--port", "0", "--json"], {
        cwd,
        env: { RUNLEASE_WEBHOOK_ALLOW: "127.0.0.1" },
      })
      const ready = json(yield* server.line(() => true))
      const env = { RUNLEASE_URL: String(ready["url"]), RUNLEASE_API_KEY: String(ready["api_key"]) }
      const { port } = (yield* receiver).address() as AddressInfo
      return { browser: yield* Browser.launch, cwd, env, hook: `http://127.0.0.1:${port}` }
    }),
  )
}

const visit = (look?: Browser.Look) =>
  Effect.flatMap(Stage, ({ browser, env }) =>
    Browser.visit(browser, new URL(env.RUNLEASE_URL).origin, env.RUNLEASE_API_KEY, look),
  )

/** Makes an endpoint by the command, and sends it a message. Gives its id. */
const tested = Effect.fnUntraced(function* (url: string) {
  const { cwd, env } = yield* Stage
  const webhooks = (...args: ReadonlyArray<string>) =>
    Effect.map(run(["webhooks", ...args, "--json"], { cwd, env }), ({ stdout }) => json(stdout))
  const id = String((yield* webhooks("create", url, "--event", "run.failed,run.cancelled"))["id"])
  yield* webhooks("test", id)
  return id
})

layer(Layer.provideMerge(Stage.layer, NodeContext.layer), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("the pages of webhooks", (it) => {
  const scoped = Browser.isThere ? it.scoped : it.scoped.skip

  scoped("show the services that begin runs, with the address for each, and delete one", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Stage
      const definition = ["--scheme", "github", "--agent", "fixer", "--event", "issues.opened"]
      yield* run(["webhook-sources", "define", "issues", ...definition], { cwd, env })
      const { faults, page } = yield* visit()
      yield* Effect.promise(async () => {
        await page.getByRole("link", { name: "Webhooks" }).click()
        const sources = page.getByRole("region", { name: "Sources" })
        const source = sources.getByRole("listitem", { name: "issues" })
        await source.getByText("issues begins runs of fixer by issues.opened (github)").waitFor()
        await source.getByRole("button", { name: "Copy the address" }).click()
        await source.getByText("Copied").waitFor()
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "webhook-sources-light")
        await source.getByRole("button", { name: "Delete source issues" }).click()
        await page.getByRole("button", { name: "Delete it" }).click()
        await sources.getByText("No service begins runs of this project by its messages.").waitFor()
      })
      expect(faults).toEqual([])
    }),
  )

  scoped("make an endpoint by a form, show its secret once, and what became of its messages", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const { cwd, env, hook } = yield* Stage
      yield* Effect.promise(async () => {
        await page.getByRole("link", { name: "Webhooks" }).click()
        await shows(page, "No address gets messages about the runs of this project.")
        await page.getByRole("button", { name: "New endpoint" }).click()
        const form = page.getByRole("dialog", { name: "New endpoint" })
        const button = form.getByRole("button", { name: "Make the endpoint" })
        await button.click()
        await form.getByText("Give the address that gets the messages").waitFor()
        await form.getByLabel("Address").fill("http://example.com/hook")
        await form.getByLabel("Only runs with these labels").fill("team")
        await button.click()
        await form.getByText("Write each as name=value").waitFor()
        await form.getByLabel("Only runs with these labels").fill("team=a")
        await button.click()
        await form.getByRole("alert").filter({ hasText: "must begin with https://" }).waitFor()
        await form.getByLabel("Address").fill(`${hook}/made/204`)
        await form.getByRole("checkbox", { name: /^run.cancelled/ }).check()
        await form.getByRole("checkbox", { name: /^run.completed/ }).uncheck()
        await form.getByLabel("Description").fill("The billing")
        expect(await Browser.violations(page)).toEqual([])
        await Browser.picture(page, "webhook-new-light")
        await button.click()
        const secret = page.getByRole("dialog", { name: "The endpoint is made" })
        await secret.getByText(/^whsec_\S{44}$/).waitFor()
        expect(await Browser.violations(page)).toEqual([])
        await secret.getByRole("button", { name: "Done" }).click()
        await page.getByText(/whsec_/).waitFor({ state: "detached" })

        const endpoints = page.getByRole("region", { name: "Endpoints" })
        const row = endpoints.getByRole("row", { name: /made\/204/ })
        await row.getByText("team:a").waitFor()
        await row.getByText("run.failed, run.cancelled").waitFor()
        await row.getByRole("button", { name: /^Send a test message/ }).click()
        const messages = page.getByRole("region", { name: "Messages" })
        await messages
          .getByRole("row", { name: /^Delivered test/ })
          .getByText("204", { exact: true })
          .waitFor()
      })
      const labelled = ["--id", "ended-1", "--agent", "writer", "--label", "team=a", "hello"]
      yield* run(["submit", ...labelled], { cwd, env })
      yield* run(["runs", "cancel", "ended-1"], { cwd, env })
      yield* Effect.promise(async () => {
        const messages = page.getByRole("region", { name: "Messages" })
        const row = messages.getByRole("row", { name: /run\.cancelled/ })
        await row.getByRole("link", { name: "ended-1" }).waitFor()
        await row.getByText("Delivered").waitFor()
        await row.getByRole("button", { name: /^Retry message/ }).click()
        await row.getByText("Delivered").waitFor()
        await messages.getByRole("button", { name: "Dead" }).click()
        await messages.getByText("No message is dead.").waitFor()
        await messages.getByRole("button", { name: "All", exact: true }).click()
        await row.getByRole("link", { name: "ended-1" }).click()
        await page.waitForURL(/\/runs\/ended-1/)
      })
      expect(faults.filter((fault) => !fault.includes("422"))).toEqual([])
    }),
  )

  scoped("say which endpoint the server has disabled, and enable, test, rotate and remove it", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const { hook } = yield* Stage
      const id = yield* tested(`${hook}/gone/410`)
      yield* Effect.promise(async () => {
        await page.goto(new URL("/webhooks", page.url()).href)
        const notice = page.getByRole("region", { name: /^Endpoint .*gone\/410$/ })
        await notice.getByText("it answered 410, which says that it is gone").waitFor()
        await notice.getByRole("link").click()
        await page.getByRole("heading", { name: /gone\/410$/ }).waitFor()
        const messages = page.getByRole("region", { name: "Messages" })
        await messages.getByRole("button", { name: "Dead", exact: true }).click()
        await messages.getByRole("row", { name: /^Dead test/ }).waitFor()
        await page.getByRole("button", { name: /^Enable/ }).click()
        await page.getByRole("button", { name: /^Disable/ }).waitFor()
        await messages.getByRole("button", { name: "Retry all dead" }).click()
        await shows(page, "The server has disabled this endpoint")

        await page.getByRole("button", { name: "New secret" }).click()
        await page.getByRole("alertdialog").getByRole("button", { name: "Make a new secret" }).click()
        const secret = page.getByRole("dialog", { name: "The new secret" })
        await secret.getByText(/^whsec_\S{44}$/).waitFor()
        await secret.getByRole("button", { name: "Done" }).click()
        await page.getByRole("button", { name: "Commands for this endpoint" }).click()
        await page
          .getByRole("menuitem")
          .filter({ hasText: `runlease webhooks rotate ${id}` })
          .waitFor()
        await page.keyboard.press("Escape")
        await page.getByRole("button", { name: "Remove" }).click()
        await page.getByRole("alertdialog").getByRole("button", { name: "Remove the endpoint" }).click()
        await page.waitForURL(/\/webhooks$/)
        await page
          .getByRole("region", { name: "Endpoints" })
          .getByText("gone/410")
          .waitFor({ state: "detached" })
        await page.goto(new URL(`/webhooks/${id}`, page.url()).href)
        await shows(page, "It may belong to another project, or have been removed.")
      })
      expect(faults.filter((fault) => !fault.includes("404"))).toEqual([])
    }),
  )

  for (const look of ["light", "dark", "phone"] as const) {
    scoped(`have no fault for axe, ${look}`, () =>
      Effect.gen(function* () {
        const { faults, page } = yield* visit(look)
        const { hook } = yield* Stage
        yield* tested(`${hook}/${look}/204`)
        const failing = yield* tested(`${hook}/${look}/500`)
        yield* tested(`${hook}/${look}/410`)
        yield* Effect.promise(async () => {
          await page.goto(new URL("/webhooks", page.url()).href)
          const messages = page.getByRole("region", { name: "Messages" })
          const state = look === "phone" ? ("attached" as const) : ("visible" as const)
          for (const word of ["Delivered", "Retrying", "Dead"]) {
            await messages
              .getByRole(look === "phone" ? "listitem" : "row")
              .getByText(word)
              .first()
              .waitFor({ state })
          }
          await page.getByRole("region", { name: new RegExp(`${look}/410$`) }).waitFor()
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `webhooks-${look}`)
          await page.goto(new URL(`/webhooks/${failing}`, page.url()).href)
          await page.getByRole("heading", { name: new RegExp(`${look}/500$`) }).waitFor()
          await messages.getByText("it answered 500").first().waitFor({ state })
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `webhook-${look}`)
        })
        expect(faults).toEqual([])
      }),
    )
  }
})
