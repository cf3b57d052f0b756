import type { Schedules } from "@runlease/core"
import { type Context, Effect, Schema, Struct } from "effect"
import * as Api from "../Api/Schedules.js"
import * as Endpoints from "./Endpoints.js"
import { RunLookup } from "./Runs.js"
import type { Transport } from "./Transport.js"

const conditionOf = (condition?: Schedules.IfRevision) => ({ "if-match": condition?.revision })

export const make: Effect.Effect<
  Context.Tag.Service<Schedules.Schedules>,
  never,
  RunLookup | Transport
> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("Schedules", Api.group)
  const lookup = yield* RunLookup

  return {
    create: Effect.fnUntraced(function* (schedule) {
      const reply = yield* call("create", { body: Struct.omit(schedule, "createdBy") }, ["InvalidSchedule"])
      return reply.schedule
    }),

    get: (scheduleId) =>
      call("get", { path: { schedule_id: scheduleId } }, ["ScheduleNotFound"], { scheduleId }),

    list: Effect.fnUntraced(function* (options) {
      const { page_info, schedules } = yield* call(
        "list",
        {
          query: {
            cursor: options?.cursor,
            limit: options?.limit,
            status: options?.status,
            source: options?.source,
            source_trigger_id: options?.sourceTriggerId,
            stale: options?.stale === true ? true : undefined,
          },
        },
        ["InvalidCursor"],
        { cursor: options?.cursor },
      )
      return { items: schedules, next: page_info?.next ?? null }
    }),

    update: Effect.fnUntraced(function* (scheduleId, changes, condition) {
      const { schedule } = yield* call(
        "update",
        { path: { schedule_id: scheduleId }, headers: conditionOf(condition), body: changes },
        ["RevisionMismatch", "ScheduleOfSource", "ScheduleNotFound", "InvalidSchedule"],
        { scheduleId },
      )
      return schedule
    }),

    remove: (scheduleId, condition) =>
      Effect.asVoid(
        call(
          "remove",
          { path: { schedule_id: scheduleId }, headers: conditionOf(condition), success: Schema.Unknown },
          ["RevisionMismatch", "ScheduleOfSource", "ScheduleNotFound"],
          { scheduleId },
        ),
      ),

    pause: Effect.fnUntraced(function* (scheduleId, options) {
      const { schedule } = yield* call(
        "pause",
        {
          path: { schedule_id: scheduleId },
          headers: conditionOf(options),
          body: { reason: options?.reason },
        },
        ["RevisionMismatch", "ScheduleNotFound"],
        { scheduleId },
      )
      return schedule
    }),

    resume: Effect.fnUntraced(function* (scheduleId, condition) {
      const { schedule } = yield* call(
        "resume",
        { path: { schedule_id: scheduleId }, headers: conditionOf(condition) },
        ["RevisionMismatch", "ScheduleNotFound"],
        { scheduleId },
      )
      return schedule
    }),

    runNow: Effect.fnUntraced(
      function* (scheduleId, options) {
        const { duplicate, run, run_id } = yield* call(
          "runNow",
          { path: { schedule_id: scheduleId }, body: { idempotency_key: options?.idempotencyKey } },
          ["ScheduleNotFound", "ConversationNotFound", "InvalidSchedule"],
          { scheduleId },
        )
        return {
          run: yield* run === undefined ? lookup.get(run_id) : lookup.toRun(run),
          duplicate: duplicate ?? false,
        }
      },
      // The server has answered with the run.
      Effect.catchTag("RunNotFound", Effect.die),
    ),

    upcoming: Effect.fnUntraced(function* (scheduleId, count) {
      const { ticks } = yield* call(
        "upcoming",
        { path: { schedule_id: scheduleId }, query: { count } },
        ["ScheduleNotFound"],
        { scheduleId },
      )
      return ticks
    }),

    backfill: Effect.fnUntraced(function* (scheduleId, { from, limit, to }) {
      return yield* call(
        "backfill",
        { path: { schedule_id: scheduleId }, body: { from, to, limit } },
        ["ScheduleNotFound", "ConversationNotFound", "InvalidSchedule"],
        { scheduleId },
      )
    }),

    apply: Effect.fnUntraced(function* ({ dryRun, prune, schedules, source }) {
      const applied = yield* call("apply", { body: { source, schedules, prune, dry_run: dryRun } }, [
        "InvalidSchedule",
      ])
      return applied.schedules
    }),
  }
})
