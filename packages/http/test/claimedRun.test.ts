import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { RequestSnapshot } from "@runlease/core"
import { Effect, Either, FastCheck, Schema } from "effect"
import * as ClaimedRun from "../src/Wire/ClaimedRun.js"
import * as Decoder from "../src/Wire/Decoder.js"

const { constantFrom, oneof, record, sample } = FastCheck

const uuid = "00000000-0000-4000-8000-000000000001"
const snapshot = RequestSnapshot.fromText("hello")

const field = (...usual: ReadonlyArray<unknown>) =>
  oneof(
    { weight: 40, arbitrary: constantFrom(...usual) },
    { weight: 1, arbitrary: constantFrom(null, undefined, 1.5, -1, "", "a\u0000", "2026", [], {}) },
  )

const text = field("a", null)
const count = field(0, 1, 2 ** 40)

const session = {
  id: uuid,
  run_id: "run",
  implementation_kind: "kind",
  worker_id: null,
  session_key: "key",
  status: "active",
  created_at: "2026-01-01T00:00:00.000Z",
  updated_at: "2026-01-01T00:00:00.000Z",
  ended_at: null,
  metadata: null,
}

/** The JSON of a claimed run, with a value here and there that may not belong. */
const json = record({
  run_id: field("run", "é"),
  conversation_id: field(uuid),
  message_id: field(uuid),
  project_id: field(uuid, null),
  agent_id: field("agent"),
  status: field("running", "cancelled", "waiting_for_tool"),
  request_snapshot: field(snapshot, null, {
    ...snapshot,
    input: { deep: [1, null] },
    traceContext: { traceId: "t", spanId: "s", traceFlags: 1 },
  }),
  latest_event_id: count,
  latest_external_event_sequence: count,
  lease_owner: text,
  lease_expires_at: field(
    "2026-01-01T00:00:00.123Z",
    "2026-01-01T00:00:00Z",
    "2026-02-31T00:00:00.000Z",
    null,
  ),
  worker_session: field(null, null, session),
  source_target_kind: text,
  source_target_environment_id: text,
  source_target_branch_id: text,
  source_target_release_version: text,
  runtime_target_kind: text,
  runtime_target_environment_id: text,
  runtime_target_branch_id: text,
  lease_epoch: count,
  attempt: count,
  max_attempts: count,
  waited_ms: count,
  queued_ms: count,
  inbox: count,
})

const decode = Schema.decodeUnknownEither(ClaimedRun.ClaimedRun)
const compiled = Decoder.compiledOf(ClaimedRun.ClaimedRun)
const encode = Schema.encodeSync(ClaimedRun.ClaimedRun)

/** What goes over the wire: an instant is compared by its time. */
const asText = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value))

describe("a claimed run", () => {
  it.effect("is read as its schema reads it", () =>
    Effect.sync(() => {
      let read = 0
      for (const value of sample(json, { numRuns: 5000 })) {
        const expected = decode(value)
        const run = compiled(value)
        if (run !== undefined) read += 1
        deepStrictEqual(asText(run), Either.isLeft(expected) ? undefined : asText(expected.right))
      }
      assertTrue(read > 500, `${read}`)
    }),
  )

  it.effect("is written as its schema writes it", () =>
    Effect.sync(() => {
      let written = 0
      for (const value of sample(json, { numRuns: 5000 })) {
        const run = decode(value)
        if (Either.isLeft(run)) continue
        written += 1
        deepStrictEqual(asText(ClaimedRun.toJson(run.right)), asText(encode(run.right)))
      }
      assertTrue(written > 500, `${written}`)
    }),
  )
})
