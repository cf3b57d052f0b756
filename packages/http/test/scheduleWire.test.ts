import { describe, expect, it } from "@effect/vitest"
import { Run, Schedule as Model, type Schedules } from "@runlease/core"
import { Arbitrary, FastCheck as fc, Schema } from "effect"
import * as Body from "../src/Wire/NewSchedule.js"
import { Schedule } from "../src/Wire/Schedule.js"
import { strict } from "../src/contract/Strict.js"

/** What the public API shows of a schedule, with the values of a schedule that its code declares. */
const published = {
  id: "33333333-3333-4333-8333-333333333333",
  project_id: "22222222-2222-4222-8222-222222222222",
  name: "Process job submissions",
  status: "active",
  target: { kind: "agent", id: "orchestrator", conversation_mode: "create_new" },
  schedule: "0 * * * *",
  timezone: "Europe/Berlin",
  runtime_target_kind: "main_branch",
  runtime_target_environment_id: null,
  runtime_target_branch_id: null,
  config: { prompt: "Process job submissions." },
  timeout_seconds: 1800,
  backoff_limit: 1,
  concurrency_policy: "Forbid",
  definition_source: "source",
  source_trigger_id: "process-job-submissions",
  source_path: "schedules/process-job-submissions.ts",
  source_hash: "source-hash",
  last_scheduled_at: null,
  last_successful_at: null,
  health: null,
  max_runs: null,
  run_count: 0,
  completed_at: null,
  paused_reason: null,
  paused_at: null,
  last_failure_at: null,
  last_failure_code: null,
  last_failure_message: null,
  last_failure_run_id: null,
  created_by: null,
  integration_requirements: [],
  created_at: "2026-07-26T12:00:00.000Z",
  updated_at: "2026-07-26T12:00:00.000Z",
}

/** What Runlease adds. */
const added = {
  run_as_user_id: null,
  runtime_target_release_version: null,
  starts_at: null,
  ends_at: null,
  missed: "skip",
  window_seconds: 0,
  pause_after_failures: 0,
  source: null,
  revision: 0,
  next_at: null,
  next_nominal: null,
  last_run_id: null,
  skipped: { overlap: 0, missed: 0 },
}

const decode = Schema.decodeUnknownSync(Schedule)
const encode = Schema.encodeSync(Schedule)

const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** JSON as it is after a way over the network. */
const json = fc.jsonValue().map(sent)

const config: fc.Arbitrary<Model.ScheduleConfig> = fc.record(
  { prompt: fc.string({ maxLength: 20 }), input: json },
  { requiredKeys: [] },
)

/** JSON has no undefined. */
const ofDefined = <A extends { readonly target: Model.ScheduleTarget }>(value: A): A => ({
  ...value,
  target: JSON.parse(JSON.stringify(value.target)),
})

const schedules = Arbitrary.make(Schema.typeSchema(Model.Schedule)).map(ofDefined)

/** A change to a definition: any of its fields. */
const changes: fc.Arbitrary<Schedules.ScheduleChanges> = fc
  .record({
    definition: Arbitrary.make(Schema.typeSchema(Model.ScheduleDefinition)).map(ofDefined),
    config,
    integrationRequirements: fc.array(json, { maxLength: 3 }),
    target: fc.constantFrom<Run.Target>(
      { ...Run.noTarget, kind: "main_branch" },
      { ...Run.noTarget, kind: "preview_branch", branchId: "33333333-3333-4333-8333-333333333333" },
      { ...Run.noTarget, kind: "environment", releaseVersion: "v1" },
    ),
  })
  .map(({ definition, target, ...rest }) => ({ ...definition, ...rest, runtimeTarget: target }))
  .chain((whole) =>
    fc
      .subarray(Object.keys(whole) as Array<keyof typeof whole>)
      .map((keys) => Object.fromEntries(keys.map((key) => [key, whole[key]]))),
  )

const required = { name: "n", target: { kind: "agent", id: "a" }, schedule: "* * * * *" } as const

/** What the server reads of the body that the client writes. */
const received = <A, I>(schema: Schema.Schema<A, I>, value: A): A =>
  Schema.decodeUnknownSync(strict(schema))(sent(Schema.encodeSync(schema)(value)))

describe("a schedule on the wire", () => {
  it("has every key of the public API and every added one, always", () => {
    const keys = Object.keys({ ...published, ...added }).toSorted()
    for (const one of fc.sample(schedules, 50))
      expect(Object.keys(encode(one)).toSorted()).toStrictEqual(keys)
  })

  it("of another server is read without what Runlease adds", () => {
    expect(sent(encode(decode(published)))).toStrictEqual({ ...published, ...added })
  })

  it("comes back as it was", () => {
    fc.assert(
      fc.property(
        schedules,
        config,
        fc.array(json, { maxLength: 3 }),
        (schedule, given, integrationRequirements) => {
          const whole = { ...schedule, config: given, integrationRequirements }
          expect(decode(sent(encode(whole)))).toStrictEqual(whole)
        },
      ),
    )
  })

  it("comes back as it was written, as a new one, as changes, and as one of a source", () => {
    fc.assert(
      fc.property(changes, (some) => {
        const one = { ...required, ...some } as Schedules.NewSchedule
        const declared = { key: "k", ...one }
        expect(received(Body.ScheduleChanges, some)).toStrictEqual(some)
        expect(received(Body.NewSchedule, one)).toStrictEqual(one)
        expect(received(Body.DeclaredSchedule, declared)).toStrictEqual(declared)
      }),
    )
  })
})
