import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Ids, Runs, WorkerRegistry } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect } from "effect"
import * as TempDatabase from "./TempDatabase.js"

const register = (workerKey: string) =>
  Effect.flatMap(WorkerRegistry.WorkerRegistry, (registry) =>
    registry.register({ implementationKind: "kind", workerKey }),
  )

const agent = (index: number) => Ids.AgentId.make(`agent-${index}`)

describe("claims of one commit", () => {
  it.effect("take turns at the runnable runs, the best first", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const claims = yield* Claims.Claims
      const workers = yield* Effect.forEach(["one", "two", "three"], register)
      for (const [index, priority] of [0, 5, 1, 3].entries()) {
        yield* runs.submit({ agentId: agent(0), publicId: Ids.RunId.make(`run-${index}`), priority })
      }
      const taken = yield* Effect.forEach(
        workers,
        ({ id }) => claims.claim({ workerId: id, limit: 3, leaseDuration: "30 seconds" }),
        { concurrency: "unbounded" },
      )
      deepStrictEqual(
        taken.map((claimed) => claimed.map(({ runId }) => runId as string)),
        [["run-1", "run-0"], ["run-3"], ["run-2"]],
      )
    }).pipe(Effect.provide(TempDatabase.layer)),
  )

  it.effect("share the runs also when each arrives in its own turn of the event loop, as from a socket", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const claims = yield* Claims.Claims
      const workers = yield* Effect.forEach(["one", "two"], register)
      yield* Effect.repeatN(runs.submit({ agentId: agent(0) }), 3)
      const taken = yield* Effect.forEach(
        workers,
        ({ id }) =>
          Effect.zipRight(
            TestRuns.turn,
            claims.claim({ workerId: id, limit: 4, leaseDuration: "30 seconds" }),
          ),
        { concurrency: "unbounded" },
      )
      deepStrictEqual(
        taken.map((claimed) => claimed.length),
        [2, 2],
      )
    }).pipe(Effect.provide(TempDatabase.layer)),
  )

  it.effect("give each the best run that it may take, in the order of the requests", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const claims = yield* Claims.Claims
      const workers = yield* Effect.forEach(["one", "two"], register)
      yield* runs.submit({ agentId: agent(0), publicId: Ids.RunId.make("any") })
      yield* runs.submit({ agentId: agent(0), publicId: Ids.RunId.make("two's"), workerKey: "two" })
      const taken = yield* Effect.forEach(
        workers.toReversed(),
        ({ id }) => claims.claim({ workerId: id, limit: 1, leaseDuration: "30 seconds" }),
        { concurrency: "unbounded" },
      )
      // "two" arrived first and took the older run; its own run stays for its next claim.
      deepStrictEqual(
        taken.map((claimed) => claimed.map(({ runId }) => runId as string)),
        [["any"], []],
      )
    }).pipe(Effect.provide(TempDatabase.layer)),
  )

  it.effect("may name many agents", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const claims = yield* Claims.Claims
      const worker = yield* register("one")
      const agents = Array.from({ length: 300 }, (_, index) => agent(index))
      yield* Effect.forEach(agents, (agentId) => runs.submit({ agentId }), { concurrency: "unbounded" })
      const claim = (agentIds: ReadonlyArray<Ids.AgentId>) =>
        claims.claim({ workerId: worker.id, limit: 100, leaseDuration: "30 seconds", agentIds })
      const odd = agents.filter((_, index) => index % 2 === 1)
      const first = yield* claim(odd)
      deepStrictEqual(
        first.map(({ agentId }) => agentId),
        odd.slice(0, 100),
      )
      strictEqual((yield* claim([...odd, ...odd])).length, 50)
      strictEqual((yield* claim(odd)).length, 0)
    }).pipe(Effect.provide(TempDatabase.layer)),
  )
})
