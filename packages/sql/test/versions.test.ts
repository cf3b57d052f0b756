/** Two versions of one agent on PostgreSQL: pinned runs wait, one version drains, and a move gives its runs to the other. */
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  type BulkOperation,
  BulkOperations,
  Claims,
  Executor,
  Interrupts,
  Leases,
  Rollouts,
  Runs,
  Step,
  Summaries,
  Worker,
  type WorkerEvent,
  WorkerRegistry,
} from "@runlease/core"
import { Array, Context, Effect, Either, Exit, Fiber, Layer, type Redacted, Scope, Stream } from "effect"
import * as Searches from "../../testkit/test/Searches.js"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

const pinnedRuns = 2 * Searches.some(500)
const freeRuns = 20

/** The versions that have executed each run, in their order. */
type Executions = Map<string, Array<string>>

/** A worker of one version, which notes each run that it executes. */
const start = (version: string, executions: Executions) =>
  Worker.make({ workerKey: "worker", version, concurrency: 20, drainTimeout: 0 }).pipe(
    Effect.provide(
      Executor.layerWith(
        Executor.from(({ runId }) =>
          Effect.gen(function* () {
            executions.set(runId, [...(executions.get(runId) ?? []), version])
            yield* Step.run("price", Effect.succeed(17))
            return (yield* Interrupts.approve("pay", { message: "Pay?" })) ? "paid" : "left"
          }),
        ),
      ),
    ),
  )

/** A fiber that ends once so many runs of the worker have had such an event. */
const counting = (
  { events }: { readonly events: Stream.Stream<WorkerEvent.WorkerEvent> },
  tag: WorkerEvent.WorkerEvent["_tag"],
  count: number,
) =>
  Effect.fork(
    events.pipe(
      Stream.filter(({ _tag }) => _tag === tag),
      Stream.take(count),
      Stream.runDrain,
    ),
  )

const submit = (count: number, input: Partial<Runs.SubmissionInput>) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const submissions = Array.makeBy(count, () => ({ agentId: "payer", ...input }))
    const verdicts = yield* Effect.forEach(Array.chunksOf(submissions, 500), (some) => runs.submitMany(some))
    return verdicts.flat().map((verdict) => Either.getOrThrow(verdict).run.runId)
  })

const approve = (runIds: ReadonlyArray<Runs.Submitted["run"]["runId"]>) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Effect.forEach(
      runIds,
      (runId) =>
        runs.resume(runId, [{ interruptId: "pay", status: "resolved", payload: { approved: true } }]),
      { concurrency: 20, discard: true },
    ),
  )

it.scopedLive(
  `of ${pinnedRuns} pinned runs none is executed by another version until it is moved, and then all end`,
  () =>
    Effect.gen(function* () {
      const executions: Executions = new Map()
      const of = (runIds: ReadonlyArray<string>) =>
        new Set(runIds.map((runId) => executions.get(runId)?.join(" ")))
      const first = yield* Scope.make()
      const old = yield* Scope.extend(start("1", executions), first)
      const waiting = yield* counting(old, "Suspended", pinnedRuns)
      const pinned = yield* submit(pinnedRuns, { versionPolicy: "pinned" })
      yield* Fiber.join(waiting)

      // Both versions work: the first half continues with its own.
      const next = yield* start("2", executions)
      const [early, late] = Array.splitAt(pinned, pinnedRuns / 2)
      const earlyEnds = yield* counting(old, "Ended", early.length)
      yield* approve(early)
      yield* Fiber.join(earlyEnds)
      deepStrictEqual(of(early), new Set(["1 1"]))

      // The old version drains, and the new one has the other runs alone.
      yield* Scope.close(first, Exit.void)
      yield* approve(late)
      const freeWaits = yield* counting(next, "Suspended", freeRuns)
      const free = yield* submit(freeRuns, {})
      yield* Fiber.join(freeWaits)
      deepStrictEqual(of(free), new Set(["2"]))
      deepStrictEqual(of(late), new Set(["1"]))

      const ends = yield* counting(next, "Ended", late.length)
      const bulks = yield* BulkOperations.BulkOperations
      yield* bulks.create({ action: "move", move: { from: "1", to: "2" }, filter: { status: "pending" } })
      yield* Fiber.join(ends)
      deepStrictEqual(of(late), new Set(["1 2"]))
      const runs = yield* Runs.Runs
      const ended = yield* Effect.forEach(pinned, (runId) => runs.get(runId), { concurrency: 20 })
      strictEqual(ended.filter(({ status }) => status === "completed").length, pinnedRuns)
    }).pipe(
      Effect.provide(
        Layer.unwrapScoped(Effect.map(PostgresDatabase.url, (url) => SqlControlPlane.layerPostgres({ url }))),
      ),
    ),
  300_000,
)

const server = (url: Redacted.Redacted) => Layer.build(SqlControlPlane.layerPostgres({ url }))

/** Waits, in real time, until the operation has ended. */
const endOf = (id: BulkOperation.BulkId) =>
  Effect.flatMap(BulkOperations.BulkOperations, (bulks) =>
    Effect.repeat(Effect.zipLeft(bulks.get(id), PostgresDatabase.breath), {
      until: ({ status }) => status === "completed",
    }),
  )

it.scopedLive("no run stays with a former version of a rollout that changes while two servers submit", () =>
  Effect.gen(function* () {
    const url = yield* PostgresDatabase.url
    const servers = yield* Effect.all([server(url), server(url)])
    const [one, two] = servers
    const set = (context: (typeof servers)[number], current: string) =>
      Context.get(context, Rollouts.Rollouts).set("payer", { current })
    yield* set(one, "1")
    // The other server learns of the first rollout.
    yield* Effect.repeat(Effect.zipLeft(submit(1, {}), PostgresDatabase.breath).pipe(Effect.provide(two)), {
      until: ([runId]) =>
        Effect.map(Context.get(two, Runs.Runs).get(runId!), ({ version }) => version === "1"),
    })
    const submitting = yield* Effect.forkAll(
      servers.map((context) => Effect.forever(submit(3, {})).pipe(Effect.provide(context))),
    )
    for (const change of Array.range(2, 4)) {
      const context = servers[change % 2]!
      const { bulkId } = yield* set(context, String(change))
      yield* Effect.provide(endOf(bulkId), context)
      const found = yield* Context.get(context, Summaries.Summaries).versions
      const pending = found.flatMap((one) => (one.pending > 0 ? [one.version] : []))
      deepStrictEqual(pending, [String(change)])
    }
    yield* Fiber.interrupt(submitting)
  }),
)

it.scopedLive("a run that works on one server takes the version that another one sets", () =>
  Effect.gen(function* () {
    const url = yield* PostgresDatabase.url
    const [one, two] = yield* Effect.all([server(url), server(url)])
    const { runId, version } = yield* Effect.gen(function* () {
      const [claims, leases, registry] = [
        yield* Claims.Claims,
        yield* Leases.Leases,
        yield* WorkerRegistry.WorkerRegistry,
      ]
      const { id: workerId } = yield* registry.register({
        implementationKind: "kind",
        workerKey: "worker",
        version: "1",
      })
      yield* submit(1, {})
      const [claimed] = yield* claims.claim({ workerId, limit: 1, leaseDuration: "1 minute" })
      const lease = { runId: claimed!.runId, workerId, epoch: claimed!.leaseEpoch }
      const { bulkId } = yield* Context.get(one, Rollouts.Rollouts).set("payer", { current: "2" })
      yield* Effect.provide(endOf(bulkId), one)
      // This server remembers the lease as it was.
      yield* leases.release(lease)
      return yield* Context.get(two, Runs.Runs).get(lease.runId)
    }).pipe(Effect.provide(two))
    deepStrictEqual([version, (yield* Context.get(one, Runs.Runs).get(runId)).status], ["2", "pending"])
  }),
)
