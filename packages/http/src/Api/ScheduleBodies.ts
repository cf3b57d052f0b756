/** The bodies, queries and headers of the endpoints of schedules. */
import { Ids, Schedule as Model } from "@runlease/core"
import { Schema } from "effect"
import { integerText, nullish, orEmpty, PageInfo, pageParams, renamed, Timestamp } from "../Wire.js"
import { CanonicalRun } from "../Wire/Run.js"
import { DeclaredSchedules } from "../Wire/NewSchedule.js"
import { Schedule } from "../Wire/Schedule.js"

const tag = /^(?:W\/)?"?(\d{1,15})"?$/

/** A revision as an entity tag, such as `"3"`; without its quotes too. */
const Revision: Schema.Schema<number, string> = Schema.transform(
  Schema.String.pipe(
    Schema.pattern(tag, { message: () => `must be a revision of the schedule, such as "3"` }),
  ),
  Schema.NonNegativeInt,
  { strict: true, decode: (text) => Number(tag.exec(text)![1]), encode: (revision) => `"${revision}"` },
).annotations({ jsonSchema: { type: "string", pattern: tag.source } })

/** (ours) The change is made only while the schedule has this revision. */
export const Condition = Schema.Struct({ "if-match": Schema.optional(Revision) })

/** Which schedules a list has. */
export const listParams = Schema.Struct({
  ...pageParams,
  status: Schema.optional(Model.ScheduleStatus),
  stale: Schema.optional(Schema.BooleanFromString),
  source: Schema.optional(Schema.String.pipe(Schema.maxLength(128))),
  source_trigger_id: Schema.optional(Schema.String.pipe(Schema.maxLength(128))),
})

/** `source_schedules` is empty: a schedule of a source is among `schedules`, with its `definition_source`. */
export const ScheduleList = Schema.Struct({
  schedules: Schema.Array(Schedule),
  source_schedules: Schema.Array(Schema.Unknown),
  page_info: Schema.optional(PageInfo),
})

export const ScheduleReply = Schema.Struct({ schedule: Schedule })

export const Deleted = Schema.Struct({ deleted: Schema.Boolean })

export const Pause = orEmpty(Schema.Struct({ reason: nullish(Ids.visibleText(500)) }), {})

export const RunNow = orEmpty(
  Schema.Struct({
    run_name: nullish(Ids.visibleText(255)).annotations({
      description: "Clients of the public API send it. A run has no name here, so it has no effect",
    }),
    idempotency_key: nullish(Ids.visibleText(128)).annotations({
      description: "The same key again returns the first run",
    }),
  }),
  {},
)

export const Begun = Schema.Struct({
  run_id: Ids.RunId,
  run_execution_id: Schema.String,
  schedule_id: Model.ScheduleId,
  duplicate: Schema.optional(Schema.Boolean),
  run: Schema.optional(CanonicalRun),
})

export const Backfill = Schema.Struct({
  from: Timestamp,
  to: Timestamp,
  limit: nullish(Schema.Int.pipe(Schema.between(1, 1000))),
})

export const Backfilled = Schema.Struct({
  ticks: Schema.Array(renamed({ nominalAt: Timestamp, runId: Ids.RunId, duplicate: Schema.Boolean })),
  more: Schema.Boolean,
})

export const upcomingParams = Schema.Struct({ count: Schema.optional(integerText(1, 100)) })

export const Upcoming = Schema.Struct({
  ticks: Schema.Array(renamed({ nominalAt: Timestamp, at: Timestamp })),
})

export const Apply = Schema.Struct({
  source: Ids.visibleText(128),
  schedules: DeclaredSchedules,
  prune: nullish(Schema.Boolean).annotations({
    description: "Remove the schedules that this source has declared before and does not declare now",
  }),
  dry_run: nullish(Schema.Boolean).annotations({ description: "Write nothing, and give the same answer" }),
})

export const Applied = Schema.Struct({
  schedules: Schema.Array(
    renamed({
      key: Schema.String,
      action: Schema.Literal("created", "updated", "unchanged", "removed"),
      scheduleId: Schema.NullOr(Model.ScheduleId),
    }),
  ),
})
