/** The pages of conversations in a real browser. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Browser from "./Browser.js"
import { shows, Stage, visit } from "./DashboardStage.js"
import { json, run } from "./Processes.js"

/** Sends a request as an application does. */
const api = (method: string, path: string, body?: object) =>
  Effect.flatMap(Stage, ({ env }) =>
    Effect.promise(async () => {
      const response = await fetch(env.RUNLEASE_URL + path, {
        method,
        headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return json(await response.text())
    }),
  )

const create = (title: string) => Effect.map(api("POST", "/conversations", { title }), ({ id }) => String(id))

const say = (conversation: string, text: string) =>
  api("POST", `/conversations/${conversation}/messages`, { role: "user", parts: [{ type: "text", text }] })

const start = Effect.fnUntraced(function* (conversation: string, ...args: ReadonlyArray<string>) {
  const { cwd, env } = yield* Stage
  yield* run(["submit", "--conversation", conversation, ...args], { cwd, env })
})

layer(Layer.provideMerge(Stage.layer, NodeContext.layer), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("the pages of conversations", (it) => {
  const scoped = Browser.isThere ? it.scoped : it.scoped.skip

  scoped("list chats, and not the runs of a batch, by name and agent", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const { cwd, env } = yield* Stage
      const report = yield* create("Weekly report")
      yield* create("Trip to Oslo")
      yield* start(report, "--agent", "number", "--id", "reported", "7")
      yield* run(["submit", "--agent", "number", "a batch"], { cwd, env })
      yield* Effect.promise(async () => {
        await page.getByRole("link", { name: "Conversations" }).click()
        const rows = page.getByRole("region", { name: "Conversations" }).getByRole("row")
        const row = (name: string) => rows.filter({ hasText: name })
        await row("Weekly report").getByText("number").waitFor()
        await row("Weekly report").getByText("Completed").waitFor()
        await row("Trip to Oslo").waitFor()
        expect(await row("a batch").count()).toBe(0)
        await page.getByLabel("Search names").fill("oslo")
        await row("Weekly report").waitFor({ state: "detached" })
        await page.waitForURL(/q=oslo/)
        await page.getByLabel("Search names").fill("")
        await row("Weekly report").waitFor()
        await page.getByRole("combobox", { name: "Agent" }).click()
        await page.getByRole("option", { name: "number" }).click()
        await row("Trip to Oslo").waitFor({ state: "detached" })
        await page.waitForURL(/agent=number/)
        await row("Weekly report").getByRole("link").click()
        await page.getByRole("heading", { name: "Weekly report" }).waitFor()
        await page.getByRole("link", { name: /Completed/ }).click()
        await page.waitForURL(/\/runs\/reported/)
      })
      expect(faults).toEqual([])
    }),
  )

  scoped("rename one, branch it at a message, and delete it", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const id = yield* create("First name")
      yield* say(id, "the first message")
      yield* say(id, "the second message")
      yield* Effect.promise(async () => {
        await page.goto(new URL(`/conversations/${id}`, page.url()).href)
        await page.getByRole("button", { name: "Rename" }).click()
        const dialog = page.getByRole("alertdialog")
        await dialog.getByLabel("Name").fill("Second name")
        await dialog.getByRole("button", { name: "Rename" }).click()
        await page.getByRole("heading", { name: "Second name" }).waitFor()

        const first = page.getByRole("listitem").filter({ hasText: "the first message" })
        await first.hover()
        await first.getByRole("button", { name: "Branch here" }).click()
        await dialog.getByRole("button", { name: "Branch", exact: true }).click()
        await page.waitForURL(
          (url) => url.pathname.startsWith("/conversations/") && !url.pathname.endsWith(id),
        )
        await page.getByRole("heading", { name: "Second name" }).waitFor()
        await shows(page, "the first message")
        expect(await page.getByText("the second message").count()).toBe(0)

        await page.getByRole("button", { name: "Delete" }).click()
        await dialog.getByRole("button", { name: "Delete the conversation" }).click()
        await page.waitForURL(/\/conversations$/)
        const rows = page.getByRole("row").filter({ hasText: "Second name" })
        await rows.nth(1).waitFor({ state: "detached" })
        await rows.getByRole("link").click()
        await shows(page, "the second message")
        await page.getByRole("button", { name: "Commands for this conversation" }).click()
        await page
          .getByRole("menuitem")
          .filter({ hasText: `runlease conversations remove ${id}` })
          .waitFor()
      })
      expect(faults).toEqual([])
    }),
  )

  scoped("say which run keeps one from being deleted", () =>
    Effect.gen(function* () {
      const { faults, page } = yield* visit()
      const id = yield* create("In use")
      yield* start(id, "--agent", "deployer", "--id", "asks-first", "Deploy it")
      yield* Effect.promise(async () => {
        await page.goto(new URL(`/conversations/${id}`, page.url()).href)
        await page.getByRole("button", { name: "Delete" }).click()
        const dialog = page.getByRole("alertdialog")
        await dialog.getByRole("button", { name: "Delete the conversation" }).click()
        await dialog.getByText("It is not deleted: a run is still needed").waitFor()
        expect(await dialog.getByRole("button", { name: "Delete the conversation" }).count()).toBe(0)
        expect(await Browser.violations(page)).toEqual([])
        await dialog.getByRole("link").click()
        await page.waitForURL(/\/runs\/asks-first/)
      })
      yield* api("POST", "/runs/asks-first/cancel", {})
      yield* Effect.promise(async () => {
        await page.goto(new URL(`/conversations/${id}`, page.url()).href)
        await page.getByRole("button", { name: "Delete" }).click()
        await page.getByRole("button", { name: "Delete the conversation" }).click()
        await page.waitForURL(/\/conversations$/)
        await page.goto(new URL(`/conversations/${id}`, page.url()).href)
        await shows(page, /^No conversation/)
      })
      expect(faults.filter((fault) => !/40[49]/.test(fault))).toEqual([])
    }),
  )

  for (const look of ["light", "dark", "phone"] as const) {
    scoped(`have no fault for axe, ${look}`, () =>
      Effect.gen(function* () {
        const { faults, page } = yield* visit(look)
        const id = yield* create(`A conversation with a long name, so that it is cut, ${look}`)
        yield* say(id, "Hello")
        yield* start(id, "--agent", "number", "9")
        yield* Effect.promise(async () => {
          await page.goto(new URL("/conversations", page.url()).href)
          const list = page.getByRole("region", { name: "Conversations" })
          const row = list
            .getByRole(look === "phone" ? "listitem" : "row")
            .filter({ hasText: `is cut, ${look}` })
          await row.getByText("Completed").waitFor({ state: look === "phone" ? "attached" : "visible" })
          expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true)
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `conversations-${look}`)
          await row.getByRole("link").click()
          await page.getByRole("button", { name: "Branch here" }).first().waitFor()
          expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true)
          expect(await Browser.violations(page)).toEqual([])
          await Browser.picture(page, `conversation-${look}`)
        })
        expect(faults).toEqual([])
      }),
    )
  }
})
