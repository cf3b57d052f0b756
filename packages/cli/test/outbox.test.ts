import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { NodeContext } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { SqliteFile } from "@runlease/sql"
import { Effect, Schedule } from "effect"
import { join } from "node:path"
import * as Browser from "./Browser.js"
import { json, jsonLines, room, run } from "./Processes.js"

/** What a command prints, once it has this text. */
const until = <E, R>(text: string, command: Effect.Effect<{ readonly stdout: string }, E, R>) =>
  Effect.map(command, ({ stdout }) => stdout).pipe(
    Effect.delay("20 millis"),
    Effect.repeat({ until: (stdout) => stdout.includes(text) }),
  )

/** Inserts a row as a program of the user. The server writes to the same file, and this connection does not wait for it. */
const insertInto = (cwd: string, insertion: (sql: SqlClient.SqlClient) => Effect.Effect<unknown, SqlError>) =>
  Effect.flatMap(SqlClient.SqlClient, insertion).pipe(
    Effect.retry({ schedule: Schedule.spaced("20 millis"), times: 500 }),
    Effect.provide(SqliteFile.layerWith({ filename: join(cwd, ".runlease/runlease.sqlite") })),
  )

it.scopedLive("rows that became no run are listed with the reason, inserted again and discarded", () =>
  Effect.gen(function* () {
    const { cwd, env } = yield* room
    const outbox = (...args: ReadonlyArray<string>) => run(["outbox", ...args], { cwd, env })
    const insert = (project: string) =>
      insertInto(
        cwd,
        (sql) =>
          sql`INSERT INTO runlease_outbox (project, submission) VALUES (${project}, '{"agent": "echo"}')`,
      )
    yield* insert("later")
    yield* insert("never")
    yield* until("2 rows refused, 0 rows waiting.", outbox("list"))
    const refused = jsonLines((yield* outbox("list", "--json")).stdout)
    expect(refused[0]).toMatchObject({
      project: "later",
      code: "ProjectNotFound",
      message: "project: there is no project later",
      submission: { agent: "echo" },
    })

    expect((yield* outbox("retry")).code).toBe(64)
    expect((yield* outbox("discard", String(refused[1]!["id"]))).stdout).toBe("Discarded: 1 row\n")
    yield* Effect.promise(() =>
      fetch(`${env.RUNLEASE_URL}/projects`, {
        method: "POST",
        headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ slug: "later" }),
      }),
    )
    expect(json((yield* outbox("retry", "--all", "--json")).stdout)).toEqual({ rows: 1 })
    yield* until("0 rows refused, 0 rows waiting.", outbox("list"))
  }).pipe(Effect.provide(NodeContext.layer)),
)

it.scopedLive("rows that became no run are on a page, where they are inserted again and deleted", () =>
  Effect.gen(function* () {
    if (!Browser.isThere) return
    const { cwd, env } = yield* room
    const insert = (submission: string) =>
      insertInto(cwd, (sql) => sql`INSERT INTO runlease_outbox (submission) VALUES (${submission})`)
    const { faults, page } = yield* Browser.visit(
      yield* Browser.launch,
      new URL(env.RUNLEASE_URL).origin,
      env.RUNLEASE_API_KEY,
    )
    yield* Effect.promise(async () => {
      await page.getByRole("link", { name: "Outbox" }).click()
      await page.getByText("No row of the outbox was refused.").waitFor()
    })
    yield* insert('{"agent": "echo", "prioritty": 1}')
    yield* insert('{"input": {"order": "7"}}')
    yield* Effect.promise(async () => {
      const refused = page.getByRole("region", { name: "Refused rows" }).getByRole("listitem")
      await refused.nth(1).waitFor()
      await page.goto(new URL("/", page.url()).href)
      const needs = page.getByRole("region", { name: "Needs you" })
      await needs.getByText("2 rows of the outbox became no run.").waitFor()
      expect(await Browser.violations(page)).toEqual([])
      await needs.getByRole("link", { name: "See the rows" }).first().click()
      const rows = page.getByRole("region", { name: "Refused rows" }).getByRole("listitem")
      const missing = rows.filter({ hasText: "agent: is missing" })
      await missing.getByRole("button", { name: "Row", exact: true }).click()
      await missing.getByText('"order": "7"').waitFor()
      expect(await Browser.violations(page)).toEqual([])
      const refusedAt = (await missing.getByRole("time").getAttribute("datetime")) ?? ""
      await missing.getByRole("button", { name: /^Retry row/ }).click()
      // It is refused again, so it is another row of the list.
      await missing.locator(`time:not([datetime="${refusedAt}"])`).waitFor()
      await missing.getByRole("button", { name: /^Delete row/ }).click()
      await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click()
      await missing.waitFor({ state: "detached" })
      await page.getByRole("button", { name: "Delete all" }).click()
      await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click()
      await page.getByText("No row of the outbox was refused.").waitFor()
    })
    expect(faults).toEqual([])
  }).pipe(Effect.provide(NodeContext.layer)),
)

it.scopedLive("a database that no server has opened has no outbox, and the command says so", () =>
  Effect.gen(function* () {
    const { cwd, env } = yield* room
    const missing = yield* run(["outbox", "list", "--database", "sqlite:nothing.sqlite"], { cwd, env })
    expect([missing.code, missing.stderr]).toEqual([
      64,
      expect.stringContaining("There is no file nothing.sqlite"),
    ])
  }).pipe(Effect.provide(NodeContext.layer)),
)
