import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Claims, type Ids, Leases, Run, RunLog, Runs, WorkerRegistry } from "@runlease/core"
import { Context, Effect, Fiber, Layer, Redacted, type Scope } from "effect"
import * as Pg from "pg"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

const leaseOf = (workerId: Ids.WorkerId, { leaseEpoch, runId }: Run.ClaimedRun): Run.LeaseRef => ({
  runId,
  workerId,
  epoch: leaseEpoch,
})

type Plane = Layer.Layer.Success<ReturnType<typeof SqlControlPlane.layerPostgres>>

/** Uses servers of a new database, and finds that PostgreSQL has ended no transaction of theirs for a deadlock. */
const withoutDeadlocks = <A, E>(
  count: number,
  use: (
    servers: ReadonlyArray<Context.Context<Plane>>,
    url: Redacted.Redacted,
  ) => Effect.Effect<A, E, Scope.Scope>,
) =>
  Effect.gen(function* () {
    const url = yield* PostgresDatabase.url
    const opening = Layer.build(SqlControlPlane.layerPostgres({ url, maxConnections: 4 }))
    yield* Effect.scoped(
      Effect.flatMap(Effect.replicateEffect(opening, count), (servers) => use(servers, url)),
    )
    // A session reports what it has counted when it ends, at the latest.
    yield* PostgresDatabase.untilAlone(url)
    const counted = yield* PostgresDatabase.ask(
      url,
      "SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()",
    )
    deepStrictEqual(counted, [{ deadlocks: 0 }])
  })

const register = (server: Context.Context<Plane>) =>
  Context.get(server, WorkerRegistry.WorkerRegistry).register({
    implementationKind: "kind",
    workerKey: "key",
  })

const claim = (server: Context.Context<Plane>, workerId: Ids.WorkerId, limit: number) =>
  Context.get(server, Claims.Claims).claim({ workerId, limit, leaseDuration: "60 seconds" })

const event = { type: "CUSTOM", name: "n", value: 1 }

const places = [0, 1, 2, 3, 4, 5] as const

type Request = Effect.Effect<unknown, { readonly _tag: string }>

/** At once, whether their leases are still held or not. */
const all = (requests: ReadonlyArray<Request>) =>
  Effect.forEach(
    requests,
    Effect.catchIf(
      ({ _tag }) => ["LeaseLost", "RunEnded", "RunWaiting"].includes(_tag),
      () => Effect.void,
    ),
    { concurrency: "unbounded", discard: true },
  )

describe("servers of one PostgreSQL database", () => {
  it.scopedLive("lock runs in one order when children of several parents end on each of them at once", () =>
    withoutDeadlocks(3, (servers) =>
      Effect.gen(function* () {
        const { id: workerId } = yield* register(servers[0]!)
        const on = (place: number) => servers[place % servers.length]!
        for (let round = 0; round < 20; round++) {
          yield* Effect.replicateEffect(
            Context.get(on(0), Runs.Runs).submit({ agentId: "agent", budget: { runs: 1_000 } }),
            places.length,
          )
          const parents = yield* claim(on(round), workerId, places.length)
          yield* all(
            parents.flatMap((parent, index) =>
              places.map((child) =>
                Context.get(on(round + index), Leases.Leases).spawn(leaseOf(workerId, parent), {
                  stepId: String(child),
                  name: "child",
                  submission: { agentId: "agent", publicId: `${parent.runId} ${child}` },
                }),
              ),
            ),
          )
          const children = yield* claim(on(round + 1), workerId, places.length ** 2)
          // Each server ends children of all parents, and not in the order of another one.
          const ends = children
            .map((child, index) => ({ child, server: (index + Math.floor(index / places.length)) % 3 }))
            .toSorted((a, b) => (a.server === 1 ? -1 : 1) * a.child.runId.localeCompare(b.child.runId))
            .map(({ child, server }) =>
              Context.get(on(server), Leases.Leases).complete(leaseOf(workerId, child), {
                status: "completed",
              }),
            )
          // Of the parents some wait meanwhile, some end, and some work.
          const ofParents = parents.flatMap((parent, index): ReadonlyArray<Request> => {
            const lease = leaseOf(workerId, parent)
            const leases = Context.get(on(round + index), Leases.Leases)
            if (index % 3 === 0) return [leases.suspend(lease, { children: [places] })]
            if (index % 3 === 1) return [leases.complete(lease, { status: "completed" })]
            return [
              Context.get(on(index), RunLog.RunLog).append({
                runId: lease.runId,
                fence: lease,
                events: [event],
              }),
              leases.renew({
                workerId,
                leases: parents.map(({ leaseEpoch: epoch, runId }) => ({ runId, epoch })),
                leaseDuration: "60 seconds",
              }),
            ]
          })
          yield* all([...ends, ...ofParents])
          yield* all(parents.map(({ runId }) => Context.get(on(0), Runs.Runs).cancel(runId)))
        }
      }),
    ),
  )

  it.scopedLive("lock leases in one order when both remember them", () =>
    withoutDeadlocks(2, ([first, second], url) =>
      Effect.gen(function* () {
        const { id: workerId } = yield* register(first!)
        yield* Effect.replicateEffect(Context.get(first!, Runs.Runs).submit({ agentId: "agent" }), 4)
        const runs = yield* claim(first!, workerId, 4)
        const [a, b, c, d] = runs as [Run.ClaimedRun, Run.ClaimedRun, Run.ClaimedRun, Run.ClaimedRun]
        const append = (server: Context.Context<Plane>, run: Run.ClaimedRun) =>
          Context.get(server, RunLog.RunLog).append({
            runId: run.runId,
            fence: leaseOf(workerId, run),
            events: [event],
          })
        const renew = (server: Context.Context<Plane>, ...held: ReadonlyArray<Run.ClaimedRun>) =>
          Context.get(server, Leases.Leases).renew({
            workerId,
            leases: held.map(({ leaseEpoch: epoch, runId }) => ({ runId, epoch })),
            leaseDuration: "60 seconds",
          })
        // A run is remembered by each server that has read it last.
        yield* all(
          runs.map((run) =>
            Context.get(second!, RunLog.RunLog).append({
              runId: run.runId,
              fence: { workerId, epoch: Run.LeaseEpoch.make(9) },
              events: [event],
            }),
          ),
        )
        const holder = yield* holding(url, d.runId)
        // One commit, which waits for the last lease of one of its statements.
        const one = yield* Effect.fork(all([renew(first!, a, c, d), append(first!, b)]))
        yield* PostgresDatabase.waitersFor(url, 1)
        const other = yield* Effect.fork(all([append(second!, b), renew(second!, c)]))
        yield* PostgresDatabase.waitersFor(url, 2)
        yield* holder.release
        yield* Fiber.join(one)
        yield* Fiber.join(other)
      }),
    ),
  )
})

/** Locks the lease of a run on a connection of its own. */
const holding = (url: Redacted.Redacted, runId: Ids.RunId) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const client = new Pg.Client({ connectionString: Redacted.value(url) })
        await client.connect()
        await client.query("BEGIN")
        await client.query(
          "SELECT l.run_pk FROM leases l JOIN runs r ON r.run_pk = l.run_pk WHERE r.run_id = $1 FOR UPDATE OF l",
          [runId],
        )
        return client
      }),
      (client) => Effect.promise(() => client.end()),
    ),
    (client) => ({ release: Effect.promise(() => client.query("COMMIT")) }),
  )
