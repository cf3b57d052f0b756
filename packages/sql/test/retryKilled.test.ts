import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Runs } from "@runlease/core"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import { type Database, execute, postgres, sqlite } from "./Databases.js"
import { type Kind, submitAgain } from "./fixtures/submitAgain.js"
import { paidAndFailed } from "./PaidRuns.js"
import * as TcpProxy from "./TcpProxy.js"

const retrier = new URL("fixtures/retrier.ts", import.meta.url)

type Moment = "before" | "after"

/** The number that a statement gives, on a connection of its own. */
const ask = (database: Database, statement: string) =>
  Effect.map(execute<{ readonly number: number }>(database, statement), ([rows = []]) =>
    Number(rows[0]?.number),
  )

const start = (at: string, ...rest: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.map(
      Effect.promise(() => Bundle.fixture(retrier)),
      (program) => spawn(process.execPath, [program, at, ...rest], { stdio: "inherit" }),
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL")),
  )

/** A process that submits a run again and is killed in the commit of that. It ends by the signal, so the moment has been there. */
const killed = ({ at }: Database, kind: Kind, runId: string, publicId: string, moment: Moment) =>
  Effect.gen(function* () {
    let kill = (): void => {}
    let address = at
    if (at.startsWith("postgres")) {
      const through = yield* TcpProxy.make(Redacted.make(at), (client, connect) => {
        const upstream = connect()
        let written = false
        client.on("data", (chunk) => {
          const text = chunk.toString("latin1")
          written ||= text.includes("INSERT INTO runs")
          if (written && moment === "before" && text.includes("COMMIT")) return kill()
          upstream.write(chunk)
        })
        upstream.on("data", (chunk) => {
          // The answer to the COMMIT does not arrive.
          if (written && chunk.toString("latin1").includes("COMMIT\0")) kill()
          else client.write(chunk)
        })
        client.on("close", () => upstream.destroy())
        upstream.on("close", () => client.destroy())
      })
      address = Redacted.value(through)
    }
    const child = yield* start(address, runId, publicId, moment, kind)
    const exited = once(child, "exit")
    kill = () => void child.kill("SIGKILL")
    deepStrictEqual(yield* Effect.promise(() => exited), [null, "SIGKILL"])
  }).pipe(Effect.scoped)

for (const [name, database, kind] of [
  ["SQLite", sqlite, "retry"],
  ["PostgreSQL", postgres, "retry"],
  ["SQLite", sqlite, "fork"],
  ["PostgreSQL", postgres, "fork"],
] as const) {
  describe(`a server that is killed in the commit of a ${kind} (${name})`, () => {
    it.scopedLive("has submitted the run again once, and with its payment, when that is repeated", () =>
      Effect.gen(function* () {
        const made = yield* database
        const runId = yield* Effect.provide(
          Effect.zipRight(
            paidAndFailed(1),
            Effect.flatMap(Runs.Runs, (runs) => Effect.map(runs.list(), ({ items }) => items[0]!.runId)),
          ),
          made.controlPlane,
        )
        const runs = "SELECT COUNT(*) AS number FROM runs"
        const payments = "SELECT COUNT(*) AS number FROM events WHERE payload LIKE '%runlease.step%'"
        const edited = `${payments} AND payload LIKE '%edited%'`
        for (const [index, moment] of (["before", "after"] as const).entries()) {
          const publicId = `again-${moment}`
          yield* killed(made, kind, runId, publicId, moment)
          const isThere = moment === "after" ? 1 : 0
          strictEqual(yield* ask(made, runs), 1 + index + isThere)
          const { duplicate, run } = yield* Effect.provide(
            submitAgain(kind, runId, publicId),
            made.controlPlane,
          )
          strictEqual(duplicate, moment === "after")
          assertTrue(run.runId !== runId)
          // The run and each that repeats it have the record of the one payment; a fork has it edited.
          strictEqual(yield* ask(made, runs), 2 + index)
          strictEqual(yield* ask(made, payments), 2 + index)
          strictEqual(yield* ask(made, edited), kind === "fork" ? 1 + index : 0)
        }
      }),
    )
  })
}
