/** Agents, as clients of A2A have them: one address for each, with both bindings. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids } from "@runlease/core"
import { Authorization } from "@runlease/http/Principal"
import * as Refusal from "@runlease/http/Refusal"
import { JsonBody } from "@runlease/http/face/Endpoint"
import { Schema } from "effect"

const agent = Schema.Struct({ agent_id: Ids.NewAgentId })

const agentAnd = <Name extends string>(name: Name) =>
  Schema.Struct({ agent_id: Ids.NewAgentId, [name]: Schema.String } as {
    readonly agent_id: typeof Ids.NewAgentId
  } & { readonly [_ in Name]: typeof Schema.String })

const task = agentAnd("task_id")

const config = Schema.Struct({ ...task.fields, config_id: Schema.String })

const json = Schema.Unknown

const stream = Schema.String.pipe(
  HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/event-stream" }),
)

const about = (summary: string, description: string) => OpenApi.annotations({ summary, description })

/** The card that anybody may read. */
export const card = HttpApiGroup.make("a2aCard")
  .add(
    HttpApiEndpoint.get("agentCard", "/a2a/:agent_id/.well-known/agent-card.json")
      .setPath(agent)
      .addSuccess(json)
      .annotateContext(
        about(
          "The card of an agent",
          "The agent card of A2A 1.0, for a client to find its address and bindings. It needs no token and says only what is true of every agent, whether there is one of that name or not.",
        ),
      ),
  )
  .annotateContext(OpenApi.annotations({ title: "A2A card" }))

export const group = HttpApiGroup.make("a2a")
  .add(
    HttpApiEndpoint.post("rpc", "/a2a/:agent_id")
      .setPath(agent)
      .addSuccess(json)
      .annotateContext(
        about(
          "Call an agent by JSON-RPC",
          "A call of A2A 1.0: SendMessage, SendStreamingMessage, GetTask, ListTasks, CancelTask, SubscribeToTask or GetExtendedAgentCard. Send `A2A-Version: 1.0`. A task is a run, a context is a conversation. What is wrong with a call is in the error of its response, whose status is 200.",
        ),
      ),
  )
  .add(
    HttpApiEndpoint.post("send", "/a2a/:agent_id/:operation")
      .setPath(agentAnd("operation"))
      .addSuccess(json)
      .addSuccess(stream)
      .annotateContext(
        about(
          "Send a message",
          "`message:send` waits until the task ends or waits for an answer, unless `configuration.returnImmediately`; `message:stream` answers with the task and its changes. The same message again is the same task. With `taskId` it answers the question of the task, or is a message to it while it works. Closing the stream cancels nothing.",
        ),
      ),
  )
  .add(
    HttpApiEndpoint.get("tasks", "/a2a/:agent_id/tasks")
      .setPath(agent)
      .addSuccess(json)
      .annotateContext(
        about(
          "List tasks",
          "The tasks of the agent, the one that changed last first, among its 1,000 newest. Parameters: contextId, status, pageSize (50; 1 to 100), pageToken, historyLength, statusTimestampAfter, includeArtifacts.",
        ),
      ),
  )
  .add(
    HttpApiEndpoint.get("task", "/a2a/:agent_id/tasks/:task_id")
      .setPath(task)
      .addSuccess(json)
      .annotateContext(
        about(
          "Read a task",
          "The task with its artifacts and messages. `ID:subscribe` follows it instead, as the POST of that name.",
        ),
      ),
  )
  .add(
    HttpApiEndpoint.post("taskOperation", "/a2a/:agent_id/tasks/:task_id")
      .setPath(task)
      .addSuccess(json)
      .addSuccess(stream)
      .annotateContext(
        about(
          "Cancel or follow a task",
          "`ID:cancel` cancels the task. `ID:subscribe` answers with the task and its changes, until it ends or waits for an answer.",
        ),
      ),
  )
  .add(
    HttpApiEndpoint.get("extendedCard", "/a2a/:agent_id/extendedAgentCard")
      .setPath(agent)
      .addSuccess(json)
      .annotateContext(
        about("The whole card of an agent", "The card with what the agent's workers say of it."),
      ),
  )
  .add(
    HttpApiEndpoint.post("createPushConfig", "/a2a/:agent_id/tasks/:task_id/pushNotificationConfigs")
      .setPath(task)
      .addSuccess(json)
      .annotateContext(about("Push notifications", "Not supported: 400.")),
  )
  .add(
    HttpApiEndpoint.get("listPushConfigs", "/a2a/:agent_id/tasks/:task_id/pushNotificationConfigs")
      .setPath(task)
      .addSuccess(json)
      .annotateContext(about("Push notifications", "Not supported: 400.")),
  )
  .add(
    HttpApiEndpoint.get("getPushConfig", "/a2a/:agent_id/tasks/:task_id/pushNotificationConfigs/:config_id")
      .setPath(config)
      .addSuccess(json)
      .annotateContext(about("Push notifications", "Not supported: 400.")),
  )
  .add(
    HttpApiEndpoint.del(
      "deletePushConfig",
      "/a2a/:agent_id/tasks/:task_id/pushNotificationConfigs/:config_id",
    )
      .setPath(config)
      .addSuccess(json)
      .annotateContext(about("Push notifications", "Not supported: 400.")),
  )
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "A2A",
      description:
        "Agents for clients of the Agent2Agent protocol 1.0, over JSON-RPC and over HTTP with JSON.",
    }),
  )
