import { FetchHttpClient } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { assertEquals, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlaneError, Ids, type Run, Run as CoreRun, Runs, RunToken } from "@runlease/core"
import { RunTokens } from "@runlease/core/executor"
import { SqlControlPlane } from "@runlease/sql"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Layer, Redacted } from "effect"
import * as Veryfront from "../src/Veryfront.js"
import { call } from "./raw.js"
import { client, serve, Served } from "./serving.js"
import { filename } from "./sqlite.js"

const event = { type: "CUSTOM", name: "note", value: 1 }
const child = { step_id: "step", name: "step", run: { kind: "agent", request: { agent_id: "helper" } } }

/** A run that a worker holds which has registered by the client, and the token of the run. */
const held = Effect.gen(function* () {
  const run = yield* TestRuns.hold(yield* TestRuns.register())
  const tokens = yield* RunTokens.RunTokens
  const access = yield* tokens.make(TestRuns.leaseOf(run))
  return { run, access, token: Redacted.value(access.token) }
})

type Held = Effect.Effect.Success<typeof held>

const eventsOf = ({ conversationId, runId }: Run.ClaimedRun) =>
  `/conversations/${conversationId}/runs/${runId}/events`

const childrenOf = ({ access: { workerId }, run: { runId } }: Held) =>
  `/agent-workers/workers/${workerId}/runs/${runId}/children`

/** The answers to all that the program of the run may do. */
const work = (held: Held) =>
  Effect.map(
    Effect.all([
      call("POST", eventsOf(held.run), { token: held.token, body: { events: [event] } }),
      call("POST", `/runs/${held.run.runId}/messages`, { token: held.token, body: { text: "hello" } }),
      call("POST", childrenOf(held), { token: held.token, body: child }),
    ]),
    (answers) => answers.map(({ json, status }) => (json.error === undefined ? status : json.error)),
  )

const test = <A, E>(
  title: string,
  body: Effect.Effect<A, E, Layer.Layer.Success<typeof client> | Served>,
  options: Parameters<typeof serve>[1] = {},
) =>
  it.effect(title, () =>
    Effect.provide(body, Layer.provideMerge(client, serve(MemoryControlPlane.layer, options))),
  )

describe("the token of a run", () => {
  test(
    "appends without a cursor, and nothing that is the worker's to write",
    Effect.gen(function* () {
      const { run, token } = yield* held
      const append = (body: object, headers = {}) => call("POST", eventsOf(run), { token, body, headers })
      const appended = yield* append({ events: [event] })
      deepStrictEqual(
        [appended.status, appended.json.appended_count, appended.json.latest_external_event_sequence],
        [200, 1, 0],
      )
      for (const field of ["expected_previous_event_id", "expected_previous_external_event_sequence"]) {
        const refused = yield* append({ events: [event], [field]: 0 })
        deepStrictEqual(
          [refused.status, refused.json.error, refused.json.field],
          [400, "invalid_request", field],
        )
      }
      const reserved = yield* append({ events: [event, { ...event, name: "runlease.step" }] })
      deepStrictEqual([reserved.status, reserved.json.error], [400, "event_reserved"])
      // The headers of a fence change nothing: the token is the lease.
      strictEqual((yield* append({ events: [event] }, { "x-runlease-epoch": "7" })).status, 200)
      const other = yield* TestRuns.submit()
      const elsewhere = yield* call("POST", eventsOf({ ...run, conversationId: other.conversationId }), {
        token,
        body: { events: [event] },
      })
      deepStrictEqual([elsewhere.status, elsewhere.json.error], [404, "run_not_found"])
    }),
  )

  test(
    "spawns a child whose id the server makes of the step, once",
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const now = yield* held
      const spawn = call("POST", childrenOf(now), { token: now.token, body: child })
      const first = yield* spawn
      const second = yield* spawn
      deepStrictEqual([first.status, first.json], [201, second.json])
      const spawned = yield* runs.get(first.json.run_id)
      deepStrictEqual([spawned.parentRunId, String(spawned.agentId)], [now.run.runId, "helper"])
    }),
  )

  test(
    "spawns no child into a conversation that there is, nor one that runs",
    Effect.gen(function* () {
      const now = yield* held
      const other = yield* TestRuns.submit()
      const nowhere = "00000000-0000-4000-8000-000000000000"
      const { request } = child.run
      const runs: ReadonlyArray<readonly [field: string, run: object]> = [
        ["run.owner", { ...child.run, owner: { kind: "conversation", id: other.conversationId } }],
        ["run.owner", { ...child.run, owner: { kind: "conversation", id: nowhere } }],
        ["run.owner", { ...child.run, conversation_id: other.conversationId }],
        ["run.owner", { ...child.run, conversation_id: nowhere }],
        ["run.parent_run_id", { ...child.run, parent_run_id: other.runId }],
        ["run.request.initial_status", { ...child.run, request: { ...request, initial_status: "running" } }],
        ["run.request.budget", { ...child.run, request: { ...request, budget: { runs: 1 } } }],
        ["run.request.multitask", { ...child.run, request: { ...request, multitask: "interrupt" } }],
      ]
      for (const [field, run] of runs) {
        const { json, status } = yield* call("POST", childrenOf(now), {
          token: now.token,
          body: { ...child, run },
        })
        deepStrictEqual([status, json.error, json.field], [400, "invalid_request", field])
        assertTrue(String(json.detail).startsWith(`${field}: a child`), json.detail)
      }
      const { items } = yield* (yield* Runs.Runs).list({})
      deepStrictEqual(new Set(items.map(({ runId }) => runId)), new Set([now.run.runId, other.runId]))
    }),
  )

  test(
    "is taken as an API key is, which makes commands work with it",
    Effect.gen(function* () {
      const { run, token } = yield* held
      const told = yield* call("POST", `/runs/${run.runId}/messages`, {
        token: null,
        headers: { "x-api-key": token },
        body: { text: "hello" },
      })
      strictEqual(told.status, 201)
    }),
  )

  test(
    "has no more by others that its worker signs for runs that are not there",
    Effect.gen(function* () {
      const { json: worker } = yield* call("POST", "/agent-workers/projects/default/workers", {
        body: { implementation_kind: "kind", worker_key: "worker" },
      })
      const statuses = yield* Effect.forEach(Array.from({ length: 60 }), (_, index) =>
        Effect.gen(function* () {
          const runId = Ids.RunId.make(`invented-${index}`)
          const token = yield* RunToken.sign(Redacted.make(worker.token), {
            workerId: worker.worker.id,
            runId,
            epoch: CoreRun.LeaseEpoch.make(1),
          })
          const told = call("POST", `/runs/${runId}/messages`, {
            token: Redacted.value(token),
            body: { text: "hello" },
          })
          return (yield* told).status
        }),
      )
      deepStrictEqual(
        [statuses.slice(0, 40).includes(429), statuses.slice(-10).every((s) => s === 429)],
        [false, true],
      )
      const at = `/agent-workers/workers/${worker.worker.id}`
      strictEqual((yield* call("POST", `${at}/heartbeat`, { token: worker.token })).status, 200)
    }),
    { rateLimit: 40 },
  )

  test(
    "has a rate of its own",
    Effect.gen(function* () {
      const first = yield* held
      const second = yield* held
      const tell = ({ run, token }: Held) =>
        call("POST", `/runs/${run.runId}/messages`, { token, body: { text: "hello" } })
      yield* Effect.repeat(tell(first), { until: ({ status }) => status === 429 })
      strictEqual((yield* tell(second)).status, 201)
      strictEqual(yield* TestRuns.verdictOf(TestRuns.append(first.run, [event])), "Succeeded")
    }),
    { rateLimit: 40 },
  )

  it.effect("ends with the lease at once on every server of a database", () =>
    Effect.gen(function* () {
      const file = yield* filename
      const server = Layer.build(
        Layer.fresh(Layer.provideMerge(client, serve(SqlControlPlane.layerSqlite({ filename: file })))),
      )
      const here = yield* server
      const there = yield* server
      const now = yield* Effect.provide(held, here)
      deepStrictEqual(yield* Effect.provide(work(now), here), [200, 201, 201])
      deepStrictEqual(yield* Effect.provide(work(now), there), [200, 201, 201])
      yield* Effect.provide(TestRuns.complete(now.run), here)
      const lost = ["lease_lost", "lease_lost", "lease_lost"]
      deepStrictEqual(yield* Effect.provide(work(now), there), lost)
      deepStrictEqual(yield* Effect.provide(work(now), here), lost)
    }).pipe(Effect.scoped),
  )

  test(
    "comes with the address of the server, to which a path may be added",
    Effect.gen(function* () {
      const { access } = yield* held
      // The client's own ends with a slash.
      strictEqual(access.url, (yield* Served).url)
      assertTrue(!String(access.token).includes("rlr_"))
    }),
  )

  it.effect("is not there for a server of another product", () =>
    Effect.gen(function* () {
      const tokens = yield* Effect.flatten(Effect.serviceOption(RunTokens.RunTokens))
      const run = yield* Effect.provide(
        Effect.flatMap(TestRuns.register(), TestRuns.hold),
        Layer.provideMerge(client, serve(MemoryControlPlane.layer)),
      )
      assertEquals(
        yield* Effect.flip(tokens.make(TestRuns.leaseOf(run))),
        new ControlPlaneError.ControlPlaneUnsupported({
          operation: "RunTokens.make",
          message: "This control plane cannot take the token of a run",
        }),
      )
    }).pipe(
      Effect.provide(
        Veryfront.layerWith({ token: Redacted.make("key"), project: "default" }).pipe(
          Layer.provide(FetchHttpClient.layer),
        ),
      ),
    ),
  )
})
