/** Schedules: runs that begin at times. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schedule as Model } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { NewSchedule, ScheduleChanges } from "../Wire/NewSchedule.js"
import { Schedule } from "../Wire/Schedule.js"
import * as Bodies from "./ScheduleBodies.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })
const schedulePath = Schema.Struct({ project_reference: Schema.String, schedule_id: Model.ScheduleId })

export const group = HttpApiGroup.make("schedules")
  .add(
    HttpApiEndpoint.post("create", "/projects/:project_reference/schedules")
      .setPath(projectPath)
      .setPayload(strict(NewSchedule))
      .addSuccess(Bodies.ScheduleReply, { status: 201 })
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
      .setUrlParams(Bodies.listParams)
      .addSuccess(Bodies.ScheduleList)
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
      .setPayload(strict(Bodies.Apply))
      .addSuccess(Bodies.Applied)
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
      .setHeaders(Bodies.Condition)
      .setPayload(strict(ScheduleChanges))
      .addSuccess(Bodies.ScheduleReply)
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
      .setHeaders(Bodies.Condition)
      .addSuccess(Bodies.Deleted)
      .addError(Refusal.Conflict)
      .addError(Refusal.PreconditionFailed)
      .annotateContext(
        OpenApi.annotations({ summary: "Delete a schedule", description: "Its runs stay, and go on." }),
      ),
  )
  .add(
    HttpApiEndpoint.post("pause", "/projects/:project_reference/schedules/:schedule_id/pause")
      .setPath(schedulePath)
      .setHeaders(Bodies.Condition)
      .setPayload(strict(Bodies.Pause))
      .addSuccess(Bodies.ScheduleReply)
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
      .setHeaders(Bodies.Condition)
      .addSuccess(Bodies.ScheduleReply)
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
      .setPayload(strict(Bodies.RunNow))
      .addSuccess(Bodies.Begun, { status: 201 })
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
      .setPayload(strict(Bodies.Backfill))
      .addSuccess(Bodies.Backfilled)
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
      .setUrlParams(Bodies.upcomingParams)
      .addSuccess(Bodies.Upcoming)
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
