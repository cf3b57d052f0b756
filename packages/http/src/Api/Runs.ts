/** Runs, as their submitters see them. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids, type LogFilter } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { integerText, orEmpty, pageOf } from "../Wire.js"
import { CanonicalRun, Outcome } from "../Wire/Run.js"
import { choice } from "../Wire.js"
import { FollowedUp, FollowUp } from "../Wire/FollowUp.js"
import { Snapshot } from "../Wire/Submission.js"
import { EventStreamText, StreamHeaders } from "./EventStream.js"
import { Fence } from "./Fence.js"
import * as Bodies from "./RunBodies.js"
import * as RunFilter from "./RunFilter.js"

const runPath = Schema.Struct({ run_id: Ids.RunId })

/** Where a page of a log begins, and how long it may be. */
const logParams = {
  after_event_id: Schema.optional(integerText(0, Number.MAX_SAFE_INTEGER)),
  limit: Schema.optional(integerText(1, 1000)),
  type: Schema.optional(
    Schema.String.pipe(
      Schema.maxLength(1000),
      Schema.annotations({ description: "Only events of these types, with commas between them" }),
    ),
  ),
  name: Schema.optional(
    Schema.String.pipe(
      Schema.maxLength(1000),
      Schema.annotations({ description: "Only events of this name, as CUSTOM events have one" }),
    ),
  ),
}

interface LogFilterParams {
  readonly type?: string | undefined
  readonly name?: string | undefined
}

/** The same as the ports take it. */
export const logFilter = ({ name, type }: LogFilterParams): LogFilter.LogFilter => ({
  types: type?.split(",").filter((one) => one !== ""),
  name,
})

export const group = HttpApiGroup.make("runs")
  .add(
    HttpApiEndpoint.post("submit", "/runs")
      .setPayload(Bodies.NewRun)
      .addSuccess(Bodies.Submitted, { status: 202 })
      .addError(Refusal.NotFound)
      .addError(Refusal.Conflict)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Submit a run",
          description:
            "The same `public_id` with the same request returns the first run and `duplicate: true`; with another request, 409. `multitask` of the request says what becomes of it where a run works in its conversation; with `steer` the answer has that run, and `steered: true`. With `debounce` a pending run of the key may take the request; the answer has that run, and `debounced: true`. An `input` that fits no JSON Schema of the agent's workers is refused with 422 `invalid_payload`; GET /projects/{project}/agents has the schemas.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("submitMany", "/runs/batch")
      .setPayload(strict(Bodies.Batch))
      .addSuccess(Bodies.BatchAnswers)
      .annotateContext(
        OpenApi.annotations({
          summary: "Submit many runs in one commit",
          description:
            "(ours) 1 to 500 runs, each as POST /runs takes it. `answers` has for each, in its place, the status and the body that POST /runs would have answered; one that is refused leaves the others as they are. Runs with a `public_id` may be sent again.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("run", "/runs/:run_id")
      .setPath(runPath)
      .addSuccess(CanonicalRun)
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a run",
          description:
            "All keys of a run are always there, `labels` apart, which a run without labels does not have.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.patch("label", "/runs/:run_id")
      .setPath(runPath)
      .setPayload(strict(Bodies.Label))
      .addSuccess(CanonicalRun)
      .addError(Refusal.NotFound)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Change labels of a run",
          description:
            "(ours) Each name of `labels` gets its value, or is removed where that is null. Other labels stay. The run may have ended. 422 `labels_refused` where it would have more than 16.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("snapshot", "/runs/:run_id/snapshot")
      .setPath(runPath)
      .addSuccess(Snapshot)
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read the request of a run",
          description:
            "(ours) The `request_snapshot` that the next claim of the run returns: what was submitted, and the answers of every wait so far.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("events", "/runs/:run_id/events")
      .setPath(runPath)
      .setUrlParams(
        Schema.Struct({
          ...logParams,
          wait_seconds: Schema.optional(integerText(0, 30)),
        }),
      )
      .addSuccess(Bodies.LogPage)
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read the log of a run",
          description:
            "The events as they were appended, oldest first. With `wait_seconds` the request waits until there is one more. `ended` is true when the log has ended and this page reaches its end. With `type` or `name` a page has only events that match. No index finds these, so a page that has none reads the log to its end.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("steps", "/runs/:run_id/steps")
      .setPath(runPath)
      .setUrlParams(Schema.Struct(logParams))
      .addSuccess(Bodies.LogPage)
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read the records of a run's steps",
          description:
            "The events of the log that record steps, oldest first. A page may have fewer than `limit`; an empty one is the last.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("stream", "/runs/:run_id/stream")
      .setPath(runPath)
      .setHeaders(StreamHeaders)
      .addSuccess(EventStreamText)
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Follow the AG-UI events of a run",
          description: "(ours) The stream of its conversation's run, by the id of the run alone.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("list", "/projects/:project_reference/runs")
      .setPath(Schema.Struct({ project_reference: Schema.String }))
      .setUrlParams(Schema.Struct(RunFilter.listParams))
      .addSuccess(pageOf(CanonicalRun))
      .addError(Refusal.NotFound)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "List the runs of a project",
          description:
            "Newest first, or oldest first with `sort_order=asc`. `status` (or `status[]`), `agent_id` (or `target_id[]`), `error_code` (or `error.code`) and `metadata.customer.plan`, a value in the metadata of a run that has ended, may be there several times: the runs have one of the values. `label` is `name:value`, as `customer:42`, and may be there several times: the runs have all of them. `roots` (or `root_only`) leaves children out. (ours) `created_after` and `created_before` bound when a run was submitted, the second is not in it. `cursor` takes the `page_info.next` of the page before. With several values, an error, metadata or `roots` a page looks at 5,000 runs at most, so it may be short or empty while there is a next one. 422 `invalid_filter` where the name of a condition is none.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("prune", "/projects/:project_reference/runs/prune")
      .setPath(Schema.Struct({ project_reference: Schema.String }))
      .setPayload(Bodies.PruneOptions)
      .addSuccess(Bodies.Pruned)
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Delete finished runs",
          description:
            "Needs an admin key. Deletes runs that finished at least `older_than_seconds` ago, 100 or `limit` at most, with their logs, and conversations left without runs. While `more` is true, repeat the request.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("complete", "/runs/:run_id/complete")
      .setPath(runPath)
      .setHeaders(Fence)
      .setPayload(Outcome)
      .addSuccess(Bodies.CompletedReply)
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "End a run",
          description:
            "The first outcome counts: on a run that has ended, `completed` is false and the run is as it was.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("retry", "/runs/:run_id/retry")
      .setPath(runPath)
      .setPayload(orEmpty(Bodies.Retry, {}))
      .addSuccess(Bodies.Submitted, { status: 202 })
      .addError(Refusal.NotFound)
      .addError(Refusal.Conflict)
      .annotateContext(
        OpenApi.annotations({
          summary: "Submit a run again that has ended",
          description:
            "The same request as a new run that names this one as its `parent_run_id`. It begins with what this one had recorded, and with the answers that it got: it does none of that again, and begins with what failed. `from_start: true` does all of it again. The body may be empty; `public_id` makes it idempotent.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("fork", "/runs/:run_id/fork")
      .setPath(runPath)
      .setPayload(Bodies.Fork)
      .addSuccess(Bodies.Submitted, { status: 202 })
      .addError(Refusal.NotFound)
      .addError(Refusal.Conflict)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Submit a run again that continues from an event of this one",
          description:
            "As `retry`, ended or not. The log of the new run begins with what this one had recorded by that event, so it does not do that again. An edited value counts as recorded. 422 `edit_refused` names the edit that does not fit.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("tell", "/runs/:run_id/messages")
      .setPath(runPath)
      .setPayload(Bodies.Tell)
      .addSuccess(Bodies.Told, { status: 201 })
      .addError(Refusal.NotFound)
      .addError(Refusal.Conflict)
      .annotateContext(
        OpenApi.annotations({
          summary: "Send a message to a run that has not ended",
          description:
            "(ours) The message, `text` or `parts`, is in the conversation of the run. An agent that takes messages gets it while it works, before its run ends at the latest. The same `idempotency_key` again gives the first message, and `duplicate`. The token of a run may tell its own run, while that is held.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("cancel", "/runs/:run_id/cancel")
      .setPath(runPath)
      .addSuccess(Bodies.CancelledReply)
      .addError(Refusal.NotFound)
      .annotateContext(
        OpenApi.annotations({
          summary: "Cancel a run",
          description: "Takes no body. On a run that has ended, `cancelled` is false.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("resume", "/runs/:run_id/resume")
      .setPath(runPath)
      .setPayload(strict(choice("type", Schema.Union(Bodies.ToolResult, Bodies.Resume))))
      .addSuccess(Bodies.ResumedReply)
      .addError(Refusal.NotFound)
      .addError(Refusal.Conflict)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Answer what a run waits for",
          description:
            "The run continues when all that it waits for is answered. 409 when it does not wait for that, or was answered otherwise; the same answer again gives `duplicate: true`. An approval whose `response_schema` has `editedArgs` takes `editedArgs` beside `approved: true`. 422 `answer_refused` for edits of a question that allows none, or that do not fit; the run waits as before.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("followUp", "/runs/:run_id/follow-ups")
      .setPath(runPath)
      .setPayload(strict(FollowUp))
      .addSuccess(FollowedUp)
      .addError(Refusal.NotFound)
      .addError(Refusal.Conflict)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Give a waiting run its client's next input",
          description:
            "(ours) What an AG-UI client's input does to the run that waits in its thread. `resume` answers interrupts, `results` the calls of the client's tools, and with all of them the run continues with `request_snapshot`, whose messages replace those it had. `public_id` then names the run too. `outcome` is `continued` after event `since_event_id`; `answered` when these answers were given before; `uncovered` when interrupts have no answer, and nothing has changed; `left` when the input is none of this run's and may be submitted as a run of its own. 409 for another input under the same id, or another answer than one given.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("inputs", "/runs/:run_id/follow-ups")
      .setPath(runPath)
      .addSuccess(Bodies.TakenInputs)
      .annotateContext(
        OpenApi.annotations({
          summary: "List a run's later inputs",
          description:
            "(ours) The follow-ups that the run has accepted, oldest first, each with the event after which the run continued with it.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(OpenApi.annotations({ title: "Runs", description: "Submit, read, end." }))
