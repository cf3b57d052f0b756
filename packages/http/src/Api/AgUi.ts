/** Agents, as an AG-UI client has them: one address for each. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids, WorkerRegistry } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { integerText } from "../Wire.js"
import { AgentCapabilities } from "../Wire/AgentCapabilities.js"
import { RunAgentInput } from "../Wire/RunAgentInput.js"
import { lastEventIdHeader } from "./EventStream.js"

const agentPath = Schema.Struct({ agent_id: Ids.NewAgentId })

/**
 * Which workers may claim the run, whether it outlives the request, and whether it waits for its turn in a busy thread
 * or is refused.
 */
export const RunParams = Schema.Struct({
  busy: Schema.optional(Schema.Literal("queue", "refuse")),
  detach: Schema.optional(Schema.BooleanFromString),
  implementation_kind: Schema.optional(WorkerRegistry.Registration.fields.implementationKind),
  worker_key: Schema.optional(WorkerRegistry.Registration.fields.workerKey),
})

/** `traceparent` becomes the trace context of the run. */
export const RunHeaders = Schema.Struct({
  [lastEventIdHeader]: Schema.optional(integerText(0, Number.MAX_SAFE_INTEGER)),
  traceparent: Schema.optional(Schema.String),
})

export const group = HttpApiGroup.make("agUi")
  .add(
    HttpApiEndpoint.post("runAgent", "/ag-ui/:agent_id")
      .setPath(agentPath)
      .setUrlParams(RunParams)
      .setHeaders(RunHeaders)
      .setPayload(RunAgentInput)
      .addSuccess(
        Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/event-stream" })),
      )
      .addError(Refusal.NotFound)
      .addError(Refusal.Conflict)
      .annotateContext(
        OpenApi.annotations({
          summary: "Run an agent and follow it",
          description:
            "Takes a `RunAgentInput` of AG-UI 1.0 and answers with the events of its run. `threadId` names the conversation, `runId` the run: the same request again follows the same run, after `Last-Event-ID` where that is given. With `resume`, the run of the thread that waits for those answers goes on. The stream ends with RUN_FINISHED, whose outcome may be `interrupt`, or RUN_ERROR. Closing it before cancels the run, unless `detach=true`. A second run of a thread waits for the first to end, or with `busy=refuse` gets 409 `thread_busy`.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("capabilities", "/ag-ui/:agent_id/capabilities")
      .setPath(agentPath)
      .addSuccess(AgentCapabilities)
      .annotateContext(
        OpenApi.annotations({
          summary: "What an agent can do",
          description:
            "`AgentCapabilities` of AG-UI 1.0: what this server does for every agent, and what a worker tells of this one under `capabilities` in its metadata. What is absent is not determined.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({ title: "AG-UI", description: "Agents for AG-UI clients, such as `HttpAgent`." }),
  )
