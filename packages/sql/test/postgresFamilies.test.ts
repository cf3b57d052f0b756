import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Ids, Leases, type Run, Runs, WorkerRegistry } from "@runlease/core"
import { Context, Effect, Layer } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

/** The control planes of two servers on one new database, and a worker of the first. */
const twoServers = Effect.gen(function* () {
  const url = yield* PostgresDatabase.url
  const server = Layer.build(SqlControlPlane.layerPostgres({ url, maxConnections: 4 }))
  const planes = [yield* server, yield* server] as const
  const { id: workerId } = yield* Context.get(planes[0], WorkerRegistry.WorkerRegistry).register({
    implementationKind: "kind",
    workerKey: "key",
  })
  return { planes, workerId }
})

type Plane = Effect.Effect.Success<typeof twoServers>["planes"][number]

const leaseOf = (workerId: Ids.WorkerId, { leaseEpoch, runId }: Run.ClaimedRun): Run.LeaseRef => ({
  runId,
  workerId,
  epoch: leaseEpoch,
})

const complete = (plane: Plane, lease: Run.LeaseRef) =>
  Context.get(plane, Leases.Leases).complete(lease, { status: "completed" })

const sizes = { parents: 24, children: 8 } as const

const indexes = Array.from({ length: sizes.children }, (_, index) => index)

describe("parents and children of one PostgreSQL database", () => {
  it.scopedLive("lose no wake-up when children end on two servers while their parents begin to wait", () =>
    Effect.gen(function* () {
      const { planes, workerId } = yield* twoServers
      const [first] = planes
      const claim = (limit: number) =>
        Context.get(first, Claims.Claims).claim({ workerId, limit, leaseDuration: "60 seconds" })
      const runs = Context.get(first, Runs.Runs)
      for (let round = 0; round < 3; round++) {
        yield* Effect.replicateEffect(runs.submit({ agentId: "agent" }), sizes.parents)
        const parents = yield* claim(sizes.parents)
        yield* Effect.forEach(
          parents.flatMap((parent) => indexes.map((index) => ({ parent, index }))),
          ({ index, parent }) =>
            Context.get(planes[index % 2]!, Leases.Leases).spawn(leaseOf(workerId, parent), {
              stepId: String(index),
              name: "child",
              submission: { agentId: "agent", publicId: `${parent.runId} ${index}` },
            }),
          { concurrency: 32 },
        )
        const children = yield* claim(sizes.parents * sizes.children)
        strictEqual(children.length, sizes.parents * sizes.children)
        const waiting = parents.map((parent, index) =>
          Context.get(planes[index % 2]!, Leases.Leases).suspend(leaseOf(workerId, parent), {
            children: [indexes],
          }),
        )
        const ending = children.map((child, index) =>
          complete(planes[(index + round) % 2]!, leaseOf(workerId, child)),
        )
        yield* Effect.all([...ending.slice(0, 60), ...waiting, ...ending.slice(60)], {
          concurrency: "unbounded",
        })
        const again = yield* claim(sizes.parents)
        deepStrictEqual(new Set(again.map(({ runId }) => runId)), new Set(parents.map(({ runId }) => runId)))
        yield* Effect.forEach(again, (parent) => complete(first, leaseOf(workerId, parent)), {
          concurrency: "unbounded",
        })
      }
    }),
  )

  it.scopedLive("leave no child behind when parents end on one server and spawn on the other", () =>
    Effect.gen(function* () {
      const { planes, workerId } = yield* twoServers
      const [first, second] = planes
      const runs = Context.get(first, Runs.Runs)
      yield* Effect.replicateEffect(runs.submit({ agentId: "agent" }), sizes.parents)
      const parents = yield* Context.get(first, Claims.Claims).claim({
        workerId,
        limit: sizes.parents,
        leaseDuration: "60 seconds",
      })
      const spawned = yield* Effect.all(
        parents.flatMap((parent) => [
          ...indexes.map((index) =>
            Context.get(second, Leases.Leases)
              .spawn(leaseOf(workerId, parent), {
                stepId: String(index),
                name: "child",
                submission: { agentId: "agent", publicId: `${parent.runId} ${index}` },
              })
              .pipe(Effect.option),
          ),
          Effect.as(runs.cancel(parent.runId), undefined),
        ]),
        { concurrency: "unbounded" },
      )
      const children = yield* Effect.forEach(
        spawned.flatMap((child) => (child?._tag === "Some" ? [child.value.runId] : [])),
        (runId) => runs.get(runId),
      )
      assertTrue(children.every(({ status }) => status === "cancelled"))
    }),
  )

  it.scopedLive(
    "leave no circle of lanes behind when the waits that close it begin on two servers at once",
    () =>
      Effect.gen(function* () {
        const { planes, workerId } = yield* twoServers
        const [first] = planes
        const runs = Context.get(first, Runs.Runs)
        const leasesOf = (server: number) => Context.get(planes[server % 2]!, Leases.Leases)
        for (let round = 0; round < 4; round++) {
          const lanes = Array.from({ length: 8 }, (_, index) => ({
            server: Math.floor(index / 2) + index,
            own: `${round} ${index}`,
            other: `${round} ${index % 2 === 0 ? index + 1 : index - 1}`,
          }))
          yield* Effect.forEach(lanes, ({ own }) => runs.submit({ agentId: "agent", concurrencyKey: own }))
          const parents = yield* Effect.forEach(lanes, ({ other, server }) =>
            Effect.map(
              Context.get(planes[server % 2]!, Claims.Claims).claim({
                workerId,
                limit: 1,
                leaseDuration: "60 seconds",
              }),
              ([run]) => ({ lease: leaseOf(workerId, run!), other, server }),
            ),
          )
          // In every other round each server remembers the leases of its parents.
          yield* Effect.forEach(parents, ({ lease, other, server }) =>
            leasesOf(server + round).spawn(lease, {
              stepId: "child",
              name: "child",
              submission: {
                agentId: "agent",
                publicId: `child of ${lease.runId}`,
                concurrencyKey: other,
              },
            }),
          )
          yield* Effect.forEach(
            parents,
            ({ lease, server }) => leasesOf(server).suspend(lease, { children: [[0]] }),
            { concurrency: "unbounded" },
          )
          const after = yield* Effect.forEach(parents, ({ lease }) => runs.get(lease.runId))
          deepStrictEqual(
            after.map(({ error }) => error?.code ?? "none").toSorted(),
            ["child_deadlock", "none"].flatMap((code) => [code, code, code, code]),
          )
          yield* Effect.forEach(parents, ({ lease }) => runs.cancel(lease.runId))
        }
      }),
  )
})
