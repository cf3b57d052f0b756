/** Limits of time on the wire. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids, type Run, Runs, TimeLimits } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { DateTime, Effect, FastCheck, Schema } from "effect"
import { CanonicalRun, ConversationRun, fromRun, toRun } from "../src/Wire/Run.js"
import { Submission } from "../src/Wire/Submission.js"
import { call } from "./raw.js"
import { serve } from "./serving.js"

const served = serve(MemoryControlPlane.layer)

/** A value as JSON carries it. */
const overJson = <A, I>(schema: Schema.Schema<A, I>, value: A): A =>
  Schema.decodeUnknownSync(schema)(JSON.parse(JSON.stringify(Schema.encodeSync(schema)(value))))

const seconds = FastCheck.integer({ min: 1, max: TimeLimits.maxSeconds })
const instant = FastCheck.integer({ min: 0, max: 4_000_000_000_000 }).map(DateTime.unsafeMake)

describe("limits of time", () => {
  it.effect("are the same after the wire, in a submission and in a run", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const { run } = yield* runs.submit({ agentId: "a" })
      const limits = FastCheck.record({ ttlSeconds: seconds, timeoutSeconds: seconds }, { requiredKeys: [] })
      const ends = FastCheck.record({ startBy: instant, timeoutAt: instant }, { requiredKeys: [] })
      FastCheck.assert(
        FastCheck.property(limits, ends, (given, at) => {
          const { timeoutSeconds, ttlSeconds } = overJson(Submission, {
            agentId: Ids.AgentId.make("a"),
            ...given,
          })
          deepStrictEqual(
            { timeoutSeconds, ttlSeconds },
            { timeoutSeconds: undefined, ttlSeconds: undefined, ...given },
          )
          const limited: Run.Run = { ...run, ...given, ...at }
          deepStrictEqual(overJson(ConversationRun, limited), limited)
          const canonical = fromRun(limited)
          strictEqual(canonical.timeout_seconds, given.timeoutSeconds ?? null)
          deepStrictEqual(toRun(overJson(CanonicalRun, canonical)), toRun(canonical))
        }),
      )
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )

  it.live("are in the answer to a submission and in the run", () =>
    Effect.gen(function* () {
      const request = { agent_id: "a", ttl_seconds: 600, timeout_seconds: 3600 }
      const submitted = yield* call("POST", "/runs", { body: { kind: "agent", request } })
      strictEqual(submitted.status, 202)
      const { run_id } = submitted.json.run
      const { json } = yield* call("GET", `/runs/${run_id}`)
      for (const run of [submitted.json.run, json]) {
        const { config, created_at, timeout_seconds } = run
        strictEqual(timeout_seconds, 3600)
        deepStrictEqual([config.ttl_seconds, config.timeout_seconds, config.timeout_at], [600, 3600, null])
        strictEqual(Date.parse(config.start_by), Date.parse(created_at) + 600_000)
      }
    }).pipe(Effect.provide(served)),
  )

  it.live("that no run can have are refused by the name of the field", () =>
    Effect.gen(function* () {
      for (const name of ["ttl_seconds", "timeout_seconds"]) {
        for (const wrong of [0, -1, 1.5, TimeLimits.maxSeconds + 1, "10", {}]) {
          const body = { kind: "agent", request: { agent_id: "a", [name]: wrong } }
          const { json, status } = yield* call("POST", "/runs", { body })
          deepStrictEqual([status, json.error, json.field], [400, "invalid_request", `request.${name}`])
        }
        const driven = { kind: "agent", request: { agent_id: "a", initial_status: "running", [name]: 1 } }
        const { json, status } = yield* call("POST", "/runs", { body: driven })
        deepStrictEqual([status, json.field], [400, `request.${name}`])
      }
      deepStrictEqual((yield* call("GET", "/projects/default/runs")).json.data, [])
    }).pipe(Effect.provide(served)),
  )
})
