/** Schedules: runs that begin at times. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids, Schedule as Model } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { Deleted, integerText, nullish, orEmpty, PageInfo, pageParams, renamed, Timestamp } from "../Wire.js"
import { DeclaredSchedules, NewSchedule, ScheduleChanges } from "../Wire/NewSchedule.js"
import { CanonicalRun } from "../Wire/Run.js"
import { Schedule } from "../Wire/Schedule.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })
const schedulePath = Schema.Struct({ project_reference: Schema.String, schedule_id: Model.ScheduleId })

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

export const group = HttpApiGroup.make("schedules")
  .add(
    HttpApiEndpoint.post("create", "/projects/:project_reference/schedules")
      .setPath(projectPath)
      .setPayload(strict(NewSchedule))
      .addSuccess(ScheduleReply, { status: 201 })
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Create a schedule",
          description:
            "It is active, and its first tick is after now. 422 `invalid_schedule` names the field and says what would be right: for a time zone that does not exist, or a cron that never comes.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("list", "/projects/:project_reference/schedules")
      .setPath(projectPath)
      .setUrlParams(listParams)
      .addSuccess(ScheduleList)
      .annotateContext(
        OpenApi.annotations({
          summary: "List the schedules of a project",
          description:
            "Newest first. (ours) `cursor` takes the `page_info.next` of the page before, `source` names a source, and `stale=true` returns those alone that have had no success for as long as their `health` allows. `source_schedules` is always empty.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.put("apply", "/projects/:project_reference/schedules")
      .setPath(projectPath)
      .setPayload(strict(Apply))
      .addSuccess(Applied)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Make the schedules of a source what it declares",
          description:
            "(ours) All of them or none. An unchanged schedule is not written, so its ticks do not move. With `prune` the schedules that `source` does not declare any more are removed; those of other sources, and those made by POST, are not touched. With `dry_run` nothing is written.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("get", "/projects/:project_reference/schedules/:schedule_id")
      .setPath(schedulePath)
      .addSuccess(Schedule)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a schedule",
          description: "All keys of a schedule are always there.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.patch("update", "/projects/:project_reference/schedules/:schedule_id")
      .setPath(schedulePath)
      .setHeaders(Condition)
      .setPayload(strict(ScheduleChanges))
      .addSuccess(ScheduleReply)
      .addError(Refusal.Conflict)
      .addError(Refusal.PreconditionFailed)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Change a schedule",
          description:
            "Absent fields stay. A new `schedule`, `timezone`, `starts_at` or `ends_at` sets the next tick anew, after now. `If-Match` takes the `revision` that the change is for: 412 when there is a newer one. A schedule of a source is changed there: 409.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("remove", "/projects/:project_reference/schedules/:schedule_id")
      .setPath(schedulePath)
      .setHeaders(Condition)
      .addSuccess(Deleted)
      .addError(Refusal.Conflict)
      .addError(Refusal.PreconditionFailed)
      .annotateContext(
        OpenApi.annotations({ summary: "Delete a schedule", description: "Its runs stay, and go on." }),
      ),
  )
  .add(
    HttpApiEndpoint.post("pause", "/projects/:project_reference/schedules/:schedule_id/pause")
      .setPath(schedulePath)
      .setHeaders(Condition)
      .setPayload(strict(Pause))
      .addSuccess(ScheduleReply)
      .addError(Refusal.PreconditionFailed)
      .annotateContext(
        OpenApi.annotations({
          summary: "Pause a schedule",
          description: "(ours) No run begins until it is resumed. Runs that have begun go on.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("resume", "/projects/:project_reference/schedules/:schedule_id/resume")
      .setPath(schedulePath)
      .setHeaders(Condition)
      .addSuccess(ScheduleReply)
      .addError(Refusal.PreconditionFailed)
      .annotateContext(
        OpenApi.annotations({
          summary: "Resume a schedule",
          description: "(ours) It ticks from now on: the ticks of the pause are not missed.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("runNow", "/projects/:project_reference/schedules/:schedule_id/runs")
      .setPath(schedulePath)
      .setPayload(strict(RunNow))
      .addSuccess(Begun, { status: 201 })
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Begin a run of a schedule now",
          description:
            "Also of a paused one. It is no tick: the next tick stays. Unless the policy is `Allow`, it waits for the runs of the schedule that have not ended. (ours) The answer has the run, and `duplicate` where the `idempotency_key` came before.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("backfill", "/projects/:project_reference/schedules/:schedule_id/backfill")
      .setPath(schedulePath)
      .setPayload(strict(Backfill))
      .addSuccess(Backfilled)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Begin the runs of past ticks",
          description:
            "(ours) Those from `from` to `to`, both included, the oldest 100 or `limit` of them. A tick has the same run however often it is filled: `duplicate`. While `more` is true, send it again with a later `from`.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("upcoming", "/projects/:project_reference/schedules/:schedule_id/upcoming")
      .setPath(schedulePath)
      .setUrlParams(upcomingParams)
      .addSuccess(Upcoming)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read the next ticks of a schedule",
          description:
            "(ours) 10, or `count`, as if it were active. `nominal_at` is the tick by the definition, `at` when its run begins.",
        }),
      ),
  )
  .addError(Refusal.BadRequest)
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(OpenApi.annotations({ title: "Schedules", description: "Runs that begin at times." }))
