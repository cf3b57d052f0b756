import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Claims, Leases, Run, RunLog, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as Faults from "@runlease/testkit/Faults"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { maxOperations } from "../src/Api/Operations.js"
import { countedClient } from "./countedClient.js"
import { plain } from "./plain.js"
import { call } from "./raw.js"
import { client, serve, Served } from "./serving.js"

const event = AgentEvent.custom("test", 1)

/** An exchange of a registered worker, by its own token unless another is given. */
const exchanger = (workerKey = "worker-1") =>
  Effect.gen(function* () {
    const { json } = yield* call("POST", "/agent-workers/projects/default/workers", {
      body: { implementation_kind: "test", worker_key: workerKey },
    })
    const workerId: string = json.worker.id
    const token: string = json.token
    const exchange = (operations: ReadonlyArray<unknown>, as: string | null = token) =>
      call("POST", `/agent-workers/workers/${workerId}/exchange`, { token: as, body: { operations } })
    return { workerId, token, exchange }
  })

const submit = (runId: string) =>
  Effect.gen(function* () {
    const { json } = yield* call("POST", "/conversations", { body: {} })
    yield* call("POST", "/runs", {
      body: {
        kind: "agent",
        public_id: runId,
        owner: { kind: "conversation", id: json.id },
        request: { agent_id: "agent" },
      },
    })
  })

const statuses = (json: { readonly answers: ReadonlyArray<{ readonly status: number }> }) =>
  json.answers.map(({ status }) => status)

describe("an exchange", () => {
  const server = serve(MemoryControlPlane.layer)

  it.effect("gives each operation an answer of its own, in order", () =>
    Effect.gen(function* () {
      const { exchange } = yield* exchanger()
      for (const runId of ["a", "b", "c", "d"]) yield* submit(runId)
      const claimed = yield* exchange([{ operation: "claim", limit: 4 }])
      deepStrictEqual(statuses(claimed.json), [200])
      const runs: ReadonlyArray<{ readonly run_id: string; readonly lease_epoch: number }> =
        claimed.json.answers[0].body.runs
      deepStrictEqual(
        runs.map(({ run_id }) => run_id),
        ["a", "b", "c", "d"],
      )
      const { json, status } = yield* exchange([
        { operation: "append", run_id: "a", lease_epoch: 1, events: [event] },
        { operation: "append", run_id: "b", lease_epoch: 2, events: [event] },
        { operation: "append", run_id: "b", lease_epoch: 1, events: [event], expected_previous_event_id: 7 },
        { operation: "append", run_id: "nowhere", lease_epoch: 1, events: [event] },
        { operation: "append", run_id: "b", lease_epoch: 1, events: "no events" },
        { operation: "dance" },
        null,
        { operation: "release", run_id: "c", lease_epoch: 1, reason: "r" },
        { operation: "suspend", run_id: "d", lease_epoch: 1, tool_call_id: "t", tool_name: "n" },
        { operation: "claim", limit: 501 },
      ])
      strictEqual(status, 200)
      deepStrictEqual(statuses(json), [200, 403, 400, 404, 400, 400, 400, 200, 200, 400])
      deepStrictEqual(json.answers[0].body, {
        latest_event_id: 2,
        latest_external_event_sequence: 1,
        appended_count: 1,
      })
      strictEqual(json.answers[1].body.error, "lease_lost")
      strictEqual(json.answers[2].body.detail, "External run event cursor mismatch")
      strictEqual(json.answers[2].body.latest_event_id, 1)
      strictEqual(json.answers[3].body.error, "run_not_found")
      strictEqual(json.answers[4].body.field, "events")
      strictEqual(json.answers[5].body.error, "invalid_request")
    }).pipe(Effect.provide(server)),
  )

  it.effect("ends a run with its last events, once", () =>
    Effect.gen(function* () {
      const { exchange } = yield* exchanger()
      yield* submit("run-1")
      yield* exchange([{ operation: "claim" }])
      const complete = {
        operation: "complete",
        run_id: "run-1",
        lease_epoch: 1,
        status: "completed",
        last: { events: [event], expected_previous_external_event_sequence: 0 },
      }
      const first = yield* exchange([complete])
      deepStrictEqual(first.json.answers, [{ status: 200, body: { completed: true } }])
      const again = yield* exchange([complete])
      deepStrictEqual(again.json.answers, [{ status: 200, body: { completed: false } }])
      const log = yield* call("GET", "/runs/run-1/events")
      deepStrictEqual(
        log.json.data.map((entry: { readonly event_type: string }) => entry.event_type),
        ["RUN_STARTED", "CUSTOM", "RUN_FINISHED"],
      )
    }).pipe(Effect.provide(server)),
  )

  it.effect("is for the worker itself, or for an API key of its project", () =>
    Effect.gen(function* () {
      const { exchange } = yield* exchanger("first")
      const other = yield* exchanger("second")
      const { key } = yield* Served
      yield* submit("run-1")
      const claim = [{ operation: "claim" }]
      strictEqual((yield* exchange(claim, null)).status, 401)
      strictEqual((yield* exchange(claim, other.token)).status, 403)
      strictEqual((yield* exchange(claim, key)).json.answers[0].body.runs.length, 1)
      // Its lease is of the worker in the address, whoever speaks for it.
      const append = [{ operation: "append", run_id: "run-1", lease_epoch: 1, events: [event] }]
      deepStrictEqual(statuses((yield* other.exchange(append, key)).json), [403])
      deepStrictEqual(statuses((yield* exchange(append, key)).json), [200])

      yield* call("POST", "/projects", { body: { slug: "elsewhere" } })
      const foreign = yield* call("POST", "/projects/elsewhere/keys", { body: { name: "foreign" } })
      deepStrictEqual(statuses((yield* exchange(append, foreign.json.token)).json), [404])
    }).pipe(Effect.provide(server)),
  )

  it.effect("has its limits", () =>
    Effect.gen(function* () {
      const { exchange } = yield* exchanger()
      const claims = (count: number) => Array.from({ length: count }, () => ({ operation: "claim" }))
      strictEqual((yield* exchange(claims(maxOperations))).json.answers.length, maxOperations)
      const { json, status } = yield* exchange(claims(maxOperations + 1))
      strictEqual(status, 400)
      strictEqual(json.field, "operations")
      assertTrue(json.detail.includes(`at most ${maxOperations}`))
      strictEqual((yield* exchange([])).json.answers.length, 0)
    }).pipe(Effect.provide(server)),
  )
})

const holdMany = (count: number) =>
  Effect.gen(function* () {
    const workerId = yield* TestRuns.register()
    yield* Effect.replicateEffect(TestRuns.submit(), count)
    return yield* TestRuns.claim(workerId, { limit: count })
  })

const endAll = (claimed: ReadonlyArray<Run.ClaimedRun>) =>
  Effect.gen(function* () {
    const leases = yield* Leases.Leases
    return yield* Effect.forEach(
      claimed,
      (run) =>
        leases.complete(
          TestRuns.leaseOf(run),
          { status: "completed" },
          { events: [event], expectedSequence: Run.Sequence.make(0) },
        ),
      { concurrency: "unbounded" },
    )
  })

describe("a client", () => {
  it.scoped("sends operations that arrive together in one request", () =>
    Effect.gen(function* () {
      const { counts, ports } = yield* countedClient
      yield* Effect.gen(function* () {
        const claimed = yield* holdMany(50)
        strictEqual(claimed.length, 50)
        counts.clear()
        yield* Effect.forEach(claimed, (run) => TestRuns.append(run, [event]), { concurrency: "unbounded" })
        deepStrictEqual(Object.fromEntries(counts), { exchange: 1 })
      }).pipe(Effect.provide(ports))
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer))),
  )

  it.scoped("goes by the endpoints where the server has no exchanges", () =>
    Effect.gen(function* () {
      const { counts, ports } = yield* countedClient
      yield* Effect.gen(function* () {
        const claimed = yield* holdMany(1)
        strictEqual(counts.get("exchange"), 1)
        counts.clear()
        deepStrictEqual(yield* endAll(claimed), [{ completed: true }])
        deepStrictEqual(
          [counts.get("exchange"), counts.get("events"), counts.get("complete")],
          [undefined, 1, 1],
        )
      }).pipe(Effect.provide(ports))
    }).pipe(Effect.provide(plain())),
  )

  it.effect("hands back what it claimed for a caller that has gone, while others wait for the exchange", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const opening = Faults.overProjects(RunLog.RunLog, (log) => ({
        ...log,
        // An append that takes its time.
        append: (request) =>
          Deferred.succeed(reached, undefined).pipe(
            Effect.zipRight(Deferred.await(gate)),
            Effect.zipRight(log.append(request)),
          ),
      }))(MemoryControlPlane.layer)
      yield* Effect.gen(function* () {
        const claims = yield* Claims.Claims
        const runs = yield* Runs.Runs
        const workerId = yield* TestRuns.register()
        const held = yield* TestRuns.hold(workerId)
        const { runId } = yield* TestRuns.submit()
        const appending = yield* Effect.fork(TestRuns.append(held, [event]))
        const claiming = yield* Effect.fork(claims.claim({ workerId, limit: 1, leaseDuration: "60 seconds" }))
        yield* Deferred.await(reached)
        yield* Effect.repeat(runs.get(runId), { until: ({ status }) => status === "running" })
        yield* Fiber.interrupt(claiming)
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(appending)
        const back = yield* Effect.repeat(runs.get(runId), { until: ({ status }) => status === "pending" })
        strictEqual(back.attempt, 0)
      }).pipe(Effect.provide(client.pipe(Layer.provide(serve(opening)))))
    }),
  )
})
