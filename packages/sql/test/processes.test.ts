import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Ids, RunLog, Runs, WorkerRegistry } from "@runlease/core"
import { Chunk, Effect, Stream } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as readline from "node:readline"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import { SqlControlPlane } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

const claimer = new URL("fixtures/claimer.ts", import.meta.url)

/** Another process that claims from the file. The Scope kills it at the latest. */
const startClaimer = (filename: string) =>
  Effect.acquireRelease(
    Effect.map(
      Effect.promise(() => Bundle.fixture(claimer)),
      (program) => spawn(process.execPath, [program, filename], { stdio: ["ignore", "pipe", "inherit"] }),
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL")),
  )

describe("two processes on one SQLite file", () => {
  it.live("never claim a run twice, and lose no data when one is killed", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const claims = yield* Claims.Claims
        const log = yield* RunLog.RunLog
        const registry = yield* WorkerRegistry.WorkerRegistry
        const worker = yield* registry.register({ implementationKind: "kind", workerKey: "parent" })
        const submitted = yield* Effect.replicateEffect(
          runs.submit({ agentId: Ids.AgentId.make("agent") }),
          400,
          { concurrency: "unbounded" },
        )
        const child = yield* startClaimer(filename)
        const lines = Stream.fromAsyncIterable(readline.createInterface(child.stdout), String)
        const killed = once(child, "exit")

        // Both claim concurrently until the child has reported 40 runs; then it is killed at an arbitrary moment.
        const own = new Set<string>()
        const claimOwn = Effect.map(
          claims.claim({ workerId: worker.id, limit: 1, leaseDuration: "5 minutes" }),
          (claimed) => {
            for (const { runId } of claimed) own.add(runId)
          },
        )
        const reported = new Set<string>(
          Chunk.toReadonlyArray(
            yield* lines.pipe(
              Stream.tap(() => claimOwn),
              Stream.take(40),
              Stream.runCollect,
            ),
          ),
        )
        child.kill("SIGKILL")
        yield* Effect.promise(() => killed)

        strictEqual(reported.size, 40)
        assertTrue(own.size > 0)
        deepStrictEqual(
          [...reported].filter((runId) => own.has(runId)),
          [],
        )
        let lost = 0
        for (const { run } of submitted) {
          const current = yield* runs.get(run.runId)
          const entries = yield* log.read({ runId: run.runId })
          // The acknowledged writes of the child are there, and its last transaction is there as a whole or not at all.
          deepStrictEqual(
            entries.map(({ eventId }) => Number(eventId)),
            entries.map((_, index) => index + 1),
          )
          strictEqual(Number(current.latestEventId), entries.length)
          if (reported.has(run.runId)) strictEqual(entries.at(-1)?.event["value"], run.runId)
          if (own.has(run.runId)) strictEqual(current.lease?.owner, worker.id)
          assertTrue(current.leaseEpoch <= 1)
          if (current.lease !== null && current.lease.owner !== worker.id) lost += 1
        }
        // The file stays usable: the parent claims all runs but those that the dead process held.
        yield* Effect.repeat(claimOwn, { until: () => own.size + lost === submitted.length, times: 400 })
        strictEqual(own.size + lost, submitted.length)
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
    }).pipe(Effect.scoped),
  )
})
