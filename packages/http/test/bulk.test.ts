import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Effect } from "effect"
import { call } from "./raw.js"
import { serve } from "./serving.js"

const layer = serve(MemoryControlPlane.layer)

const at = "/projects/default/bulk"

const submit = (id: string, request: object = {}) =>
  call("POST", "/runs", {
    body: { kind: "agent", public_id: id, request: { agent_id: "writer", ...request } },
  })

const begin = (body: unknown) => call("POST", at, { body })

describe("a bulk operation over HTTP", () => {
  it.live("is made, read and listed, every key always", () =>
    Effect.gen(function* () {
      yield* submit("first")
      yield* submit("second")
      yield* submit("other", { agent_id: "reader" })
      const filter = { agent_id: "writer", from: "2020-01-01T00:00:00.000Z" }
      const { json, status } = yield* begin({ action: "cancel", filter, reason: "wrong release" })
      strictEqual(status, 202)
      const { created_at, created_by, finished_at, id, project_id, updated_at, ...rest } = json.bulk
      deepStrictEqual(rest, {
        action: "cancel",
        status: "completed",
        filter,
        named: null,
        labels: null,
        from_start: false,
        reason: "wrong release",
        dry_run: false,
        searched: 2,
        matched: 2,
        done: 2,
        skipped: 0,
        failed: 0,
        failures: [],
        cursor: null,
      })
      strictEqual(
        [created_at, created_by, finished_at, id, project_id, updated_at].includes(undefined),
        false,
      )
      deepStrictEqual((yield* call("GET", `${at}/${id}`)).json, { bulk: json.bulk })
      deepStrictEqual((yield* call("GET", `${at}?status=completed&limit=1`)).json.data, [json.bulk])
      deepStrictEqual((yield* call("GET", `${at}?status=running`)).json.data, [])
      deepStrictEqual((yield* call("POST", `${at}/${id}/abort`)).json, { bulk: json.bulk })
      const runs = (yield* call("GET", "/projects/default/runs")).json.data
      deepStrictEqual(
        runs.map((run: { run_id: string; status: string }) => [run.run_id, run.status]),
        [
          ["other", "pending"],
          ["second", "cancelled"],
          ["first", "cancelled"],
        ],
      )
      const { json: run } = yield* call("GET", "/runs/first")
      strictEqual(JSON.stringify(run).includes("wrong release"), true)
    }).pipe(Effect.provide(layer)),
  )

  it.live("says what became of runs that it names", () =>
    Effect.gen(function* () {
      yield* submit("first")
      const { json } = yield* begin({ action: "retry", run_ids: ["first", "nowhere"] })
      const { failed, failures, filter, named, skipped } = json.bulk
      deepStrictEqual([filter, named, skipped, failed], [null, 2, 1, 1])
      deepStrictEqual(failures, [
        { run_id: "nowhere", code: "run_not_found", message: "Run nowhere does not exist" },
      ])
    }).pipe(Effect.provide(layer)),
  )

  it.live("is refused where it could never be right, with the field and what would be", () =>
    Effect.gen(function* () {
      yield* submit("first")
      const ids = (count: number) => Array.from({ length: count }, (_, index) => `run-${index}`)
      const wrong = [
        [{ action: "cancel" }, "filter", "set all to true"],
        [{ action: "cancel", filter: {} }, "filter", "set all to true"],
        [{ action: "cancel", filter: { labels: {}, status: null } }, "filter", "set all to true"],
        [{ action: "cancel", run_ids: [] }, "run_ids", "1 to 1000"],
        [{ action: "cancel", run_ids: ids(1001) }, "run_ids", "and not 1001"],
        [{ action: "cancel", run_ids: ["a"], filter: { status: "failed" } }, "run_ids", "one of the two"],
        [{ action: "cancel", run_ids: ["a"], all: true }, "all", "one of the two"],
        [{ action: "label", all: true }, "labels", "to set"],
        [{ action: "cancel", all: true, labels: { a: "b" } }, "labels", "must be absent"],
      ] as const
      for (const [body, field, says] of wrong) {
        const { json, status } = yield* begin(body)
        deepStrictEqual([body, status, json.error, json.field], [body, 422, "invalid_bulk", field])
        strictEqual(json.detail.startsWith(`${field}: `) && json.detail.includes(says), true, json.detail)
      }
      deepStrictEqual((yield* call("GET", at)).json.data, [])
      strictEqual((yield* call("GET", "/runs/first")).json.status, "pending")
    }).pipe(Effect.provide(layer)),
  )

  it.live("is refused for values of a wrong form, with the field", () =>
    Effect.gen(function* () {
      const wrong = [
        [{ filter: { status: "failed" } }, "action"],
        [{ action: "delete", all: true }, "action"],
        [{ action: "cancel", filter: { status: "done" } }, "filter.status"],
        [{ action: "cancel", filter: { agent: "writer" } }, "filter.agent"],
        [{ action: "cancel", filter: { from: "yesterday" } }, "filter.from"],
        [{ action: "cancel", filter: { attempt: 0 } }, "filter.attempt"],
        [{ action: "cancel", filter: { labels: { Team: "a" } } }, "filter.labels.Team"],
        [{ action: "label", all: true, labels: { Team: "a" } }, "labels.Team"],
        [{ action: "cancel", all: "yes" }, "all"],
        [{ action: "cancel", run_ids: "first" }, "run_ids"],
        [{ action: "cancel", all: true, reason: "" }, "reason"],
        [{ action: "cancel", all: true, dryRun: true }, "dryRun"],
      ] as const
      for (const [body, field] of wrong) {
        const { json, status } = yield* begin(body)
        deepStrictEqual([body, status, json.error, json.field], [body, 400, "invalid_request", field])
      }
      const missing = yield* call("GET", `${at}/00000000-0000-4000-8000-000000000000`)
      deepStrictEqual([missing.status, missing.json.error], [404, "bulk_not_found"])
      strictEqual((yield* call("GET", `${at}/x`)).json.field, "bulk_id")
      strictEqual((yield* call("GET", `${at}?status=over`)).json.field, "status")
    }).pipe(Effect.provide(layer)),
  )
})
