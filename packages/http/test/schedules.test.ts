import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Schedules, Statistics } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { DateTime, Effect, Fiber, Layer } from "effect"
import { call } from "./raw.js"
import { client, serve } from "./serving.js"

const layer = Layer.provideMerge(client, serve(MemoryControlPlane.layer))

const at = "/projects/default/schedules"
const morning = {
  name: "Morning report",
  target: { kind: "agent", id: "writer" },
  schedule: "0 9 * * 1-5",
  timezone: "Europe/Berlin",
  config: { prompt: "Write the report" },
} as const

const created = Effect.map(call("POST", at, { body: morning }), ({ json }) => json.schedule)

const refusalOf = (method: string, path: string, body: unknown, headers = {}) =>
  Effect.map(call(method, path, { body, headers }), ({ json, status }) => [status, json.error, json.field])

describe("a schedule over HTTP", () => {
  it.live("is created with its defaults, read, listed, changed and deleted", () =>
    Effect.gen(function* () {
      const made = yield* call("POST", at, { body: morning })
      strictEqual(made.status, 201)
      const { schedule } = made.json
      deepStrictEqual(
        [schedule.status, schedule.concurrency_policy, schedule.missed, schedule.timeout_seconds],
        ["active", "Forbid", "skip", 3600],
      )
      deepStrictEqual([schedule.definition_source, schedule.created_by === null], ["manual", false])
      deepStrictEqual((yield* call("GET", `${at}/${schedule.id}`)).json, schedule)

      const other = yield* call("POST", at, { body: { ...morning, name: "Other" } })
      const list = yield* call("GET", `${at}?limit=1`)
      deepStrictEqual([list.json.schedules, list.json.source_schedules], [[other.json.schedule], []])
      const next = yield* call("GET", `${at}?limit=1&cursor=${list.json.page_info.next}`)
      deepStrictEqual(next.json.schedules, [schedule])

      const changed = yield* call("PATCH", `${at}/${schedule.id}`, {
        body: { schedule: "every 90s", max_runs: 5, health: { max_staleness_seconds: 600 } },
        headers: { "if-match": `"${schedule.revision}"` },
      })
      strictEqual(changed.status, 200)
      deepStrictEqual(
        [changed.json.schedule.schedule, changed.json.schedule.max_runs, changed.json.schedule.health],
        ["every 90s", 5, { max_staleness_seconds: 600 }],
      )
      const cleared = yield* call("PATCH", `${at}/${schedule.id}`, { body: { max_runs: null } })
      deepStrictEqual(
        [cleared.json.schedule.max_runs, cleared.json.schedule.health],
        [null, { max_staleness_seconds: 600 }],
      )

      const gone = yield* call("DELETE", `${at}/${schedule.id}`)
      deepStrictEqual([gone.status, gone.json], [200, { deleted: true }])
      deepStrictEqual(yield* refusalOf("GET", `${at}/${schedule.id}`, undefined), [
        404,
        "schedule_not_found",
        "schedule_id",
      ])
    }).pipe(Effect.provide(layer)),
  )

  it.live("is paused with a reason and resumed", () =>
    Effect.gen(function* () {
      const { id } = yield* created
      const paused = yield* call("POST", `${at}/${id}/pause`, { body: { reason: "holidays" } })
      deepStrictEqual(
        [paused.json.schedule.status, paused.json.schedule.paused_reason, paused.json.schedule.next_at],
        ["paused", "holidays", null],
      )
      deepStrictEqual(
        (yield* call("GET", `${at}?status=paused`)).json.schedules.map((one: { id: string }) => one.id),
        [id],
      )
      const resumed = yield* call("POST", `${at}/${id}/resume`)
      deepStrictEqual([resumed.json.schedule.status, resumed.json.schedule.paused_at], ["active", null])
      strictEqual((yield* call("POST", `${at}/${id}/pause`)).status, 200)
    }).pipe(Effect.provide(layer)),
  )

  it.live("is refused where it could never be right, with the field and what would be", () =>
    Effect.gen(function* () {
      const wrong = [
        [{ timezone: "Europe/Nowhere" }, "timezone"],
        [{ schedule: "0 0 30 2 *" }, "schedule"],
        [{ schedule: "0 0 * * * *" }, "schedule"],
        [{ schedule: "99 * * * *" }, "schedule"],
        [{ schedule: "every day" }, "schedule"],
        [{ starts_at: "2030-01-01T00:00:00Z", ends_at: "2029-01-01T00:00:00Z" }, "ends_at"],
        [{ config: { input: "x".repeat(65_535) } }, "config.input"],
        [{ starts_at: "+275760-09-13T00:00:00.000Z", schedule: "every 90s" }, "starts_at"],
        [{ ends_at: "+275760-09-13T00:00:00.000Z" }, "ends_at"],
      ] as const
      const { id } = yield* created
      for (const [change, field] of wrong) {
        const expected = [change, 422, "invalid_schedule", field]
        deepStrictEqual([change, ...(yield* refusalOf("POST", at, { ...morning, ...change }))], expected)
        deepStrictEqual([change, ...(yield* refusalOf("PATCH", `${at}/${id}`, change))], expected)
      }
      strictEqual((yield* call("GET", at)).json.schedules.length, 1)
      const largest = { ...morning, key: "k", config: { input: "x".repeat(65_534) } }
      const larger = { ...largest, config: { input: `${largest.config.input}x` } }
      const put = (schedule: object) => ({ source: "s", schedules: [schedule] })
      strictEqual((yield* call("PUT", at, { body: put(largest) })).status, 200)
      deepStrictEqual(yield* refusalOf("PUT", at, put(larger)), [
        422,
        "invalid_schedule",
        "schedules.0.config.input",
      ])
    }).pipe(Effect.provide(layer)),
  )

  it.live("begins the runs of many past ticks in parts, between which others are answered", () =>
    Effect.gen(function* () {
      const body = { ...morning, schedule: "* * * * *" }
      const { schedule } = (yield* call("POST", at, { body })).json
      const filling = yield* Effect.fork(
        call("POST", `${at}/${schedule.id}/backfill`, {
          body: { from: "2026-01-05T00:00:00Z", to: "2026-01-09T23:00:00Z", limit: 200 },
        }),
      )
      const statistics = yield* Statistics.Statistics
      const begun = yield* Effect.repeat(
        Effect.zipRight(
          Effect.yieldNow(),
          Effect.map(statistics.counts(), ([count]) => count?.runs.pending ?? 0),
        ),
        { until: (runs) => runs > 0 },
      )
      assertTrue(begun < 200, `${begun} runs in the first commit`)
      const { json } = yield* Fiber.join(filling)
      deepStrictEqual([json.ticks.length, json.more], [200, true])
    }).pipe(Effect.provide(Layer.provideMerge(layer, MemoryControlPlane.layer))),
  )

  it.live("takes no field that the API does not name", () =>
    Effect.gen(function* () {
      const { id } = yield* created
      const wrong = [
        ["POST", at, { ...morning, timeZone: "UTC" }, "timeZone"],
        ["POST", at, { ...morning, target: { ...morning.target, agent: "a" } }, "target.agent"],
        ["POST", at, { ...morning, config: { text: "x" } }, "config.text"],
        ["POST", at, { ...morning, window_seconds: 4000 }, "window_seconds"],
        ["POST", at, { ...morning, concurrency_policy: "forbid" }, "concurrency_policy"],
        ["PATCH", `${at}/${id}`, { status: "paused" }, "status"],
        ["POST", `${at}/${id}/pause`, { why: "x" }, "why"],
        ["POST", `${at}/${id}/runs`, { key: "x" }, "key"],
        ["POST", `${at}/${id}/backfill`, { from: "2026-01-01", to: "soon" }, "to"],
        [
          "PUT",
          at,
          { source: "s", schedules: [{ ...morning, key: "k", cron: "* * * * *" }] },
          "schedules.0.cron",
        ],
        ["PUT", at, { source: "s", schedules: [], dryRun: true }, "dryRun"],
      ] as const
      for (const [method, path, body, field] of wrong) {
        deepStrictEqual(
          [body, ...(yield* refusalOf(method, path, body))],
          [body, 400, "invalid_request", field],
        )
      }
    }).pipe(Effect.provide(layer)),
  )

  it.live("changes only while it has the revision of If-Match", () =>
    Effect.gen(function* () {
      const { id, revision } = yield* created
      const headers = { "if-match": `"${revision}"` }
      strictEqual((yield* call("PATCH", `${at}/${id}`, { body: { name: "New" }, headers })).status, 200)
      const { revision: now } = (yield* call("GET", `${at}/${id}`)).json
      for (const [method, path] of [
        ["PATCH", `${at}/${id}`],
        ["POST", `${at}/${id}/pause`],
        ["POST", `${at}/${id}/resume`],
        ["DELETE", `${at}/${id}`],
      ] as const) {
        const body = method === "PATCH" ? { name: "Newer" } : undefined
        const { json, status } = yield* call(method, path, { body, headers })
        deepStrictEqual([method, status, json.error, json.revision], [method, 412, "revision_mismatch", now])
      }
      strictEqual((yield* call("GET", `${at}/${id}`)).json.name, "New")
      deepStrictEqual(
        (yield* refusalOf("PATCH", `${at}/${id}`, { name: "Newer" }, { "if-match": "new" })).slice(0, 2),
        [400, "invalid_request"],
      )
      strictEqual(
        (yield* call("DELETE", `${at}/${id}`, { headers: { "if-match": String(now) } })).status,
        200,
      )
    }).pipe(Effect.provide(layer)),
  )

  it.live("begins a run now, the same one for the same key", () =>
    Effect.gen(function* () {
      const { id } = yield* created
      const body = { run_name: "Local verification", idempotency_key: "first" }
      const { json, status } = yield* call("POST", `${at}/${id}/runs`, { body })
      strictEqual(status, 201)
      deepStrictEqual([json.schedule_id, json.run_execution_id, json.duplicate], [id, json.run_id, false])
      const again = yield* call("POST", `${at}/${id}/runs`, { body })
      deepStrictEqual([again.json.run_id, again.json.duplicate], [json.run_id, true])
      const run = (yield* call("GET", `/runs/${json.run_id}`)).json
      deepStrictEqual([run.target, run.schedule_id, run.trigger_kind], ["writer", id, "schedule"])
      const posing = `schedule:${"-".repeat(36)}:now`
      const posed = yield* refusalOf("POST", "/runs", {
        kind: "agent",
        public_id: posing,
        request: { agent_id: "a" },
      })
      deepStrictEqual(posed, [400, "invalid_request", "public_id"])
      const another = yield* call("POST", `${at}/${id}/runs`)
      deepStrictEqual([another.status, another.json.run_id === json.run_id], [201, false])
    }).pipe(Effect.provide(layer)),
  )

  it.live("shows its next ticks, and begins the runs of past ones once", () =>
    Effect.gen(function* () {
      const { id } = yield* created
      const { ticks } = (yield* call("GET", `${at}/${id}/upcoming?count=3`)).json
      strictEqual(ticks.length, 3)
      strictEqual(ticks[0].nominal_at, (yield* call("GET", `${at}/${id}`)).json.next_nominal)
      const body = { from: "2026-01-05T00:00:00Z", to: "2026-01-09T23:00:00Z", limit: 4 }
      const first = yield* call("POST", `${at}/${id}/backfill`, { body })
      deepStrictEqual(
        first.json.ticks.map(({ nominal_at }: { nominal_at: string }) => nominal_at),
        ["05", "06", "07", "08"].map((day) => `2026-01-${day}T08:00:00.000Z`),
      )
      strictEqual(first.json.more, true)
      const again = yield* call("POST", `${at}/${id}/backfill`, { body })
      deepStrictEqual(
        again.json.ticks,
        first.json.ticks.map((tick: object) => ({ ...tick, duplicate: true })),
      )
      deepStrictEqual(
        (yield* refusalOf("POST", `${at}/${id}/backfill`, { from: body.to, to: body.from })).slice(0, 2),
        [422, "invalid_schedule"],
      )
    }).pipe(Effect.provide(layer)),
  )

  it.live("is what its source declares, and changes there alone", () =>
    Effect.gen(function* () {
      const apply = (keys: ReadonlyArray<string>, options: object = {}) =>
        Effect.map(
          call("PUT", at, {
            body: { source: "shop", schedules: keys.map((key) => ({ key, ...morning })), ...options },
          }),
          ({ json }) => json.schedules.map(({ action, key }: Record<string, string>) => `${action} ${key}`),
        )
      const { id: own } = yield* created
      deepStrictEqual(yield* apply(["a", "b"], { dry_run: true }), ["created a", "created b"])
      strictEqual((yield* call("GET", at)).json.schedules.length, 1)
      deepStrictEqual(yield* apply(["a", "b"]), ["created a", "created b"])
      deepStrictEqual(yield* apply(["a", "b"]), ["unchanged a", "unchanged b"])
      deepStrictEqual(yield* apply(["a"]), ["unchanged a"])
      deepStrictEqual((yield* apply(["a"], { prune: true })).toSorted(), ["removed b", "unchanged a"])
      const { schedules } = (yield* call("GET", `${at}?source_trigger_id=a`)).json
      deepStrictEqual(
        [schedules.length, schedules[0].definition_source, schedules[0].source],
        [1, "source", "shop"],
      )
      strictEqual((yield* call("GET", `${at}/${own}`)).status, 200)
      for (const [method, body] of [["PATCH", { name: "New" }], ["DELETE"]] as const) {
        const { json, status } = yield* call(method, `${at}/${schedules[0].id}`, { body })
        deepStrictEqual([status, json.error, json.source], [409, "schedule_of_source", "shop"])
      }
      const wrong = {
        source: "shop",
        schedules: [
          { key: "c", ...morning },
          { key: "d", ...morning, timezone: "X" },
        ],
      }
      deepStrictEqual(yield* refusalOf("PUT", at, wrong), [422, "invalid_schedule", "schedules.1.timezone"])
      strictEqual((yield* call("GET", `${at}?source=shop`)).json.schedules.length, 1)
    }).pipe(Effect.provide(layer)),
  )
})

describe("the client of schedules", () => {
  it.live("is the port, with its verdicts", () =>
    Effect.gen(function* () {
      const schedules = yield* Schedules.Schedules
      const startsAt = DateTime.unsafeMake("2026-01-01T00:00:00Z")
      const made = yield* schedules.create({
        ...morning,
        schedule: "every 90s",
        startsAt,
        health: { maxStalenessSeconds: 60 },
        config: { input: { topic: "tides" } },
      })
      deepStrictEqual(yield* schedules.get(made.id), made)
      deepStrictEqual((yield* schedules.list({ limit: 1 })).items, [made])
      deepStrictEqual([made.startsAt, made.config], [startsAt, { input: { topic: "tides" } }])
      const changed = yield* schedules.update(made.id, { name: "New" }, { revision: made.revision })
      strictEqual(changed.name, "New")

      const verdict = <A, E>(effect: Effect.Effect<A, E>) => Effect.flip(Effect.asVoid(effect))
      deepStrictEqual(
        yield* verdict(schedules.update(made.id, { name: "Newer" }, { revision: made.revision })),
        new Schedules.RevisionMismatch({ scheduleId: made.id, revision: changed.revision }),
      )
      const invalid = yield* verdict(schedules.update(made.id, { endsAt: startsAt, timezone: "Nowhere" }))
      strictEqual(invalid._tag, "InvalidSchedule")
      const unfit = yield* verdict(schedules.create({ ...morning, windowSeconds: -1 }))
      deepStrictEqual(
        [unfit._tag, (unfit as Schedules.InvalidSchedule).field],
        ["InvalidSchedule", "windowSeconds"],
      )

      const { duplicate, run } = yield* schedules.runNow(made.id, { idempotencyKey: "k" })
      deepStrictEqual([duplicate, yield* TestRuns.getRun(run.runId)], [false, run])
      strictEqual((yield* schedules.upcoming(made.id, 2)).length, 2)
      const from = DateTime.unsafeMake("2026-01-01T00:00:00Z")
      const filled = yield* schedules.backfill(made.id, { from, to: DateTime.add(from, { minutes: 3 }) })
      deepStrictEqual([filled.ticks.length, filled.more], [3, false])
      strictEqual((yield* schedules.pause(made.id, { reason: "r" })).pausedReason, "r")
      strictEqual((yield* schedules.resume(made.id)).status, "active")
      deepStrictEqual(
        (yield* schedules.apply({ source: "s", schedules: [{ key: "k", ...morning }], dryRun: true })).map(
          ({ action, scheduleId }) => [action, scheduleId],
        ),
        [["created", null]],
      )
      yield* schedules.remove(made.id)
      deepStrictEqual(
        yield* verdict(schedules.get(made.id)),
        new Schedules.ScheduleNotFound({ scheduleId: made.id }),
      )
    }).pipe(Effect.provide(layer)),
  )
})
