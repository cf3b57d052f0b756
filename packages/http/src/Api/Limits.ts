/** Limits of concurrency: those of keys, of agents, of projects and with names, and their pause. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids, Limits } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { strict } from "../contract/Strict.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { Deleted, pageOf, pageParams, renamed } from "../Wire.js"
import { DefineRequest, Limit, NamedLimit } from "../Wire/Limit.js"

const projectPath = Schema.Struct({ project_reference: Schema.String })

const namedPath = Schema.Struct({ project_reference: Schema.String, limit_name: Limits.LimitName })

const agentPath = Schema.Struct({ project_reference: Schema.String, agent_id: Ids.NewAgentId })

const ScopeLimitRequest = renamed({ maxRunning: Schema.NullOr(Limits.MaxRunning) })

export const KeyRequest = Schema.Union(
  Schema.Struct({ concurrency_key: Limits.ConcurrencyKey }),
  Schema.Struct({ name: Limits.LimitName, key: Limits.LimitKey }),
)

export const subjectOf = (request: typeof KeyRequest.Type): Limits.LimitSubject =>
  "name" in request ? { kind: "named", ...request } : Limits.ofKey(request.concurrency_key)

/** The endpoints of the limit and of the pause of all runs of a kind. */
const scoped = <const Kind extends "Agent" | "Project", Path extends Schema.Schema.AnyNoContext>(
  kind: Kind,
  address: `/${string}`,
  path: Path & HttpApiEndpoint.HttpApiEndpoint.ValidatePath<Path>,
  [called, description]: readonly [called: string, description: string],
) => ({
  set: HttpApiEndpoint.put(`set${kind}Limit` as const, `${address}/limit`)
    .setPath(path)
    .setPayload(ScopeLimitRequest)
    .addSuccess(Limit)
    .annotateContext(
      OpenApi.annotations({ summary: `Set how many runs of ${called} work at once`, description }),
    ),
  pause: HttpApiEndpoint.post(`pause${kind}` as const, `${address}/pause`)
    .setPath(path)
    .addSuccess(Limit)
    .annotateContext(
      OpenApi.annotations({
        summary: `Pause ${called}`,
        description: "None of its runs starts until it is resumed. Those that work go on.",
      }),
    ),
  resume: HttpApiEndpoint.post(`resume${kind}` as const, `${address}/resume`)
    .setPath(path)
    .addSuccess(Limit)
    .annotateContext(
      OpenApi.annotations({
        summary: `Resume ${called}`,
        description: "As many of its runs as its limit allows may start at once.",
      }),
    ),
})

const project = scoped("Project", "/projects/:project_reference", projectPath, [
  "a project",
  "`max_running` is 1 to 100,000, or null for any number. Runs that work already count, and go on. At the limit a claim returns no run; the end of one lets a claim that waits go on.",
])

const agent = scoped("Agent", "/projects/:project_reference/agents/:agent_id", agentPath, [
  "an agent",
  "`max_running` is 1 to 100,000, or null for any number. Runs that are there already count. A lower limit ends no run: those that work go on.",
])

export const group = HttpApiGroup.make("limits")
  .add(
    HttpApiEndpoint.get("limits", "/projects/:project_reference/limits")
      .setPath(projectPath)
      .setUrlParams(Schema.Struct(pageParams))
      .addSuccess(pageOf(Limit))
      .annotateContext(
        OpenApi.annotations({
          summary: "List the limits of a project",
          description:
            "The keys of submissions with a `concurrency_limit` that have runs or are paused, the agents with a limit or a pause, and the limit or the pause of the project, the newest first. `running` runs work, `open` ones have a place and wait for a worker, `waiting` ones wait for a place. A project has no places: `open` and `waiting` are 0. `pending` counts those that no worker has had yet, and `next_start_at` says when the rate lets the next of these start.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("pauseLimit", "/projects/:project_reference/limits/pause")
      .setPath(projectPath)
      .setPayload(KeyRequest)
      .addSuccess(Limit)
      .annotateContext(
        OpenApi.annotations({
          summary: "Pause a key",
          description:
            "No run of a `concurrency_key` that has a `concurrency_limit`, or of a key of a limit with a name, starts until it is resumed. Those that work go on.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("resumeLimit", "/projects/:project_reference/limits/resume")
      .setPath(projectPath)
      .setPayload(KeyRequest)
      .addSuccess(Limit)
      .annotateContext(
        OpenApi.annotations({
          summary: "Resume a key",
          description: "As many of its runs as its limit allows may start at once.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.put("define", "/projects/:project_reference/limits/:limit_name")
      .setPath(namedPath)
      .setPayload(strict(DefineRequest))
      .addSuccess(NamedLimit)
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Set a limit with a name",
          description:
            "At most `max_running` runs of each of its keys work at once, 0 to 100,000; with 0 none starts. `rate` lets `count` of them start in `period_seconds`, and up to `burst` (1 when absent) at once. While `max_pending` runs of a key wait for their first start, apart from those that may start at once, a submission is refused with 429 `too_many_pending`. At least one of the three is set; one that is absent or null is not set any more. Submissions name the limit with a key in `limits`. Keys that have runs get the new bounds at once. With `agent_ids` (1 to 100) each later run of these agents is under it, where its submission does not name it; an agent is in 2 such limits at most. `key_from` is where the key of such a run is: a path with dots into its payload (`input.tenant.id`), into the metadata of the last message of its user (`metadata.customer`), or the name of a label (`labels.customer`). Numbers and booleans count by their text. Where nothing is there, or no such value, the key is `none`; a text of more than 128 characters counts by its SHA-256. Without `key_from` all of them have the key `all`.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("named", "/projects/:project_reference/limits/:limit_name")
      .setPath(namedPath)
      .addSuccess(NamedLimit)
      .annotateContext(
        OpenApi.annotations({
          summary: "Get a limit with a name",
          description: "Its bounds, and its agents.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("remove", "/projects/:project_reference/limits/:limit_name")
      .setPath(namedPath)
      .addSuccess(Deleted)
      .annotateContext(
        OpenApi.annotations({
          summary: "Remove a limit with a name",
          description: "Its runs start without it, and no submission may name it.",
        }),
      ),
  )
  .add(project.set)
  .add(project.pause)
  .add(project.resume)
  .add(agent.set)
  .add(agent.pause)
  .add(agent.resume)
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "Limits",
      description:
        "How many runs of one key, of one agent, or of the project, work at once, and how often one starts.",
    }),
  )
