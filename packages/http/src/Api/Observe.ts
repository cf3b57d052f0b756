/** What people look at: statistics, runs and workers as lists show them, and streams of what changes. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { integerText, PageInfo, pageOf, pageParams } from "../Wire.js"
import { ProjectStatistics } from "../Wire/Activity.js"
import {
  Attention,
  LostLease,
  RunSummary,
  Standing,
  StatusCounts,
  VersionSummary,
  WorkerSummary,
} from "../Wire/RunSummary.js"
import { EventStreamText, StreamHeaders } from "./EventStream.js"
import * as RunFilter from "./RunFilter.js"
import { drain } from "./Workers.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })
const runPath = Schema.Struct({ run_id: Ids.RunId })
const workerPath = Schema.Struct({ worker_id: Ids.WorkerId })

/** An agent of the project's workers. `form`: the JSON Schema of its payload; null where no worker registers one. */
export const Agent = Schema.Struct({
  agent_id: Ids.AgentId,
  workers: Schema.NonNegativeInt,
  form: Schema.NullOr(Schema.Unknown).annotations({
    description:
      "The JSON Schema of `input` in a submission for this agent; null where no worker registers one",
  }),
})

/** The parts of a project that a stream covers. */
export const Topic = Schema.Literal("statistics", "attention", "workers", "runs")

export const group = HttpApiGroup.make("observe")
  .add(
    HttpApiEndpoint.get("statistics", "/projects/:project_reference/statistics")
      .setPath(projectPath)
      .setUrlParams(
        Schema.Struct({
          step: Schema.optional(Schema.Literal("minute", "hour")),
          last: Schema.optional(integerText(1, 1500)),
          agent_id: Schema.optional(Ids.AgentId),
        }),
      )
      .addSuccess(ProjectStatistics)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read what the runs of a project add up to",
          description:
            "Runs by agent and status, and what happened in the last 60 minutes, or in that many periods. `cost` is in millionths.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("attention", "/projects/:project_reference/attention")
      .setPath(projectPath)
      .addSuccess(Attention)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read what needs somebody",
          description:
            "Runs that wait for an answer, those first that fail first without one, and the run that has been pending longest.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("runSummaries", "/projects/:project_reference/run-summaries")
      .setPath(projectPath)
      .setUrlParams(Schema.Struct(RunFilter.searchParams))
      .addSuccess(
        Schema.Struct({
          data: Schema.Array(RunSummary),
          page_info: PageInfo,
          searched: Schema.NullOr(Schema.NonNegativeInt),
        }),
      )
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "List runs with all that a list shows",
          description:
            "Newest first, or oldest first with `sort_order=asc`. `text` is looked for in titles, and at the start and the end of ids, `attempt` is the least attempt, `error_code` (or `error.code`) the code of the error with which a run has ended, `roots` (or `root_only`) leaves children out, and `metadata.customer.plan=gold` is a value in the metadata of a run that has ended. `status`, `agent_id`, `error_code` and `metadata.…` may be there several times: the runs have one of the values. `label` is `name:value`, and may be there several times: the runs have all of them. An index finds the runs of a parent, a conversation, a label, of some statuses or of some agents, and no two of these together, so for everything else a page looks at 5,000 runs at most: `searched` says at how many it did, and `page_info.next` continues. `from` and `to` bound when a run was submitted. 422 `invalid_filter` where the name of a condition is none.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("runCounts", "/projects/:project_reference/run-counts")
      .setPath(projectPath)
      .setUrlParams(Schema.Struct(RunFilter.countParams))
      .addSuccess(StatusCounts)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Count the runs of a list by status",
          description:
            "Takes what narrows the list. It looks at the newest 5,000 runs at most: `searched` says at how many it did, and `whole` that there are no others.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("runSummary", "/runs/:run_id/summary")
      .setPath(runPath)
      .addSuccess(RunSummary)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a run with its claims",
          description:
            "Each claim has the worker that owned the run, how its lease was renewed, and how it ended.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("standing", "/runs/:run_id/standing")
      .setPath(runPath)
      .addSuccess(Standing)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read what a pending run waits for",
          description:
            "`gate`: a worker may claim it (`runnable`), it waits for its time (`delayed`) for the runs before it in its lane (`behind`), of which `ahead` is the first, or for a place at its limit (`limited`): `limit.before` runs get one before it. `queued_before` runs with the same kind and key of worker are claimed before it. `now` is the time of the store.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("runLive", "/runs/:run_id/live")
      .setPath(runPath)
      .setHeaders(StreamHeaders)
      .addSuccess(EventStreamText)
      .annotateContext(
        OpenApi.annotations({
          summary: "Follow a run",
          description:
            "Server-sent events. `run` has the summary of the run, at the beginning and as it changes. `entries` has a list of entries of its log, as GET /runs/{id}/events returns them, after the event of `Last-Event-ID`. `end` follows the last entry.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("projectLive", "/projects/:project_reference/live")
      .setPath(projectPath)
      .setUrlParams(
        Schema.Struct({
          topics: Schema.String.pipe(
            Schema.annotations({
              description: "statistics, attention, workers, runs: some of them, with commas between them",
            }),
          ),
          step: Schema.optional(Schema.Literal("minute", "hour")),
          last: Schema.optional(integerText(1, 1500)),
        }),
      )
      .addSuccess(EventStreamText)
      .annotateContext(
        OpenApi.annotations({
          summary: "Follow a project",
          description:
            "Server-sent events, each named by its topic: `statistics`, `attention` and `workers` as their endpoints give them, `runs` with the summaries of those of the newest 100 runs that have changed. Each comes at the beginning and as it changes, once a second at most.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("workerSummaries", "/projects/:project_reference/worker-summaries")
      .setPath(projectPath)
      .setUrlParams(Schema.Struct(pageParams))
      .addSuccess(pageOf(WorkerSummary))
      .annotateContext(
        OpenApi.annotations({
          summary: "List workers with all that a list shows",
          description:
            "Newest heartbeat first. `lost_24h` is how many leases of the worker have lapsed in a day.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("held", "/agent-workers/workers/:worker_id/leases")
      .setPath(workerPath)
      .addSuccess(Schema.Struct({ data: Schema.Array(RunSummary) }))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the runs that a worker holds",
          description: "Those first whose lease ends first, 1,000 at most.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("versions", "/projects/:project_reference/versions")
      .setPath(projectPath)
      .addSuccess(Schema.Struct({ data: Schema.Array(VersionSummary) }))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the versions of workers",
          description:
            "Those of workers in contact and of runs that have not ended, with how many runs of each wait for a worker (`pending`) and for something else (`waiting`). The empty version is that of workers without one.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("lostLeases", "/projects/:project_reference/lost-leases")
      .setPath(projectPath)
      .addSuccess(Schema.Struct({ data: Schema.Array(LostLease) }))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the leases that have lapsed",
          description: "In the last 24 hours, the latest first, 100 at most.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("agents", "/projects/:project_reference/agents")
      .setPath(projectPath)
      .addSuccess(Schema.Struct({ data: Schema.Array(Agent) }))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the agents of a project",
          description:
            "Those of its workers, and those that it has runs of. `form` is the JSON Schema of the payload of an agent: what `input` of a submission takes.",
        }),
      ),
  )
  .add(drain)
  .addError(Refusal.BadRequest)
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(OpenApi.annotations({ title: "Observe", description: "Look at runs and workers." }))
