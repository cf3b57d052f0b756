/** Runs as tasks of the Agent2Agent protocol 1.0: each agent at its address, over JSON-RPC and over HTTP with JSON. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Ids } from "@runlease/core"
import * as Digest from "@runlease/core/Digest"
import * as Caller from "@runlease/http/face/Caller"
import * as Face from "@runlease/http/face/Face"
import { Effect, Layer } from "effect"
import * as AgentCard from "./internal/AgentCard.js"
import { examples } from "./internal/Examples.js"
import * as Group from "./internal/Group.js"
import type * as Rest from "./internal/Rest.js"

const api = Face.api.add(Group.card).add(Group.group)

const overRpc = Face.lazy(() => import("./internal/JsonRpc.js"))
const overRest = Face.lazy(() => import("./internal/Rest.js"))

/** How long a client may keep a card, in seconds. */
const cardAge = 300

/** The address of the agent, as the client wrote it: all before the part that the router matched. */
const urlOf = ({ headers, originalUrl }: HttpServerRequest.HttpServerRequest, agentId: string): string => {
  const proto = headers["x-forwarded-proto"]?.split(",")[0]?.trim() === "https" ? "https" : "http"
  const [path = ""] = originalUrl.split("?")
  const place = `/a2a/${encodeURIComponent(agentId)}`
  const end = path.indexOf("/a2a/")
  return `${proto}://${headers["host"] ?? "localhost"}${end === -1 ? "" : path.slice(0, end)}${place}`
}

const cards = HttpApiBuilder.group(api, "a2aCard", (handlers) =>
  handlers.handleRaw("agentCard", ({ path, request }) =>
    Effect.sync(() => {
      const text = JSON.stringify(AgentCard.of(path.agent_id, urlOf(request, path.agent_id)))
      return HttpServerResponse.text(text, {
        contentType: "application/json",
        headers: {
          "cache-control": `private, max-age=${cardAge}`,
          etag: `"${Digest.sha256(text).slice(0, 16)}"`,
        },
      })
    }),
  ),
)

type Request = HttpServerRequest.HttpServerRequest

const calledBy = (agentId: Ids.AgentId, request: Request) =>
  Effect.gen(function* () {
    const { projectId } = yield* Caller.apiKey
    return { agent: { agentId, ports: yield* Caller.ports, projectId }, url: urlOf(request, agentId) }
  })

/** An operation whose fields are in the address, in addition to those of its body or its parameters. */
const rest =
  (method: string, from: Rest.From) =>
  ({
    path: { agent_id, ...fields },
    request,
  }: {
    readonly path: { readonly agent_id: Ids.AgentId } & Readonly<Record<string, string>>
    readonly request: Request
  }) =>
    Effect.flatMap(Effect.zip(overRest, calledBy(agent_id, request)), ([{ respond }, called]) =>
      respond(method, called, from, fields),
    )

/** Operations by the end of the address, behind the id of their task where they have one; `otherwise` where it is an id alone. */
const named =
  (operations: Readonly<Record<string, string>>, from: Rest.From, otherwise?: string) =>
  (agentId: Ids.AgentId, last: string, request: Request) =>
    Effect.flatMap(Effect.zip(overRest, calledBy(agentId, request)), ([{ respond, unknown }, called]) => {
      const [suffix, method] = Object.entries(operations).find(([end]) => last.endsWith(end)) ?? [
        "",
        otherwise,
      ]
      if (method === undefined) return Effect.succeed(unknown)
      const id = last.slice(0, last.length - suffix.length)
      return respond(method, called, from, id === "" ? {} : { id })
    })

const ofMessages = named({ "message:send": "SendMessage", "message:stream": "SendStreamingMessage" }, "body")
const reading = named({ ":subscribe": "SubscribeToTask" }, "query", "GetTask")
const changing = named({ ":cancel": "CancelTask", ":subscribe": "SubscribeToTask" }, "body")

const agents = HttpApiBuilder.group(api, "a2a", (handlers) =>
  handlers
    .handleRaw("rpc", ({ path, request }) =>
      Effect.flatMap(Effect.zip(overRpc, calledBy(path.agent_id, request)), ([{ respond }, called]) =>
        respond(called),
      ),
    )
    .handleRaw("send", ({ path, request }) => ofMessages(path.agent_id, path.operation, request))
    .handleRaw("tasks", rest("ListTasks", "query"))
    .handleRaw("task", ({ path, request }) => reading(path.agent_id, path.task_id, request))
    .handleRaw("taskOperation", ({ path, request }) => changing(path.agent_id, path.task_id, request))
    .handleRaw("extendedCard", rest("GetExtendedAgentCard", "query"))
    .handleRaw("createPushConfig", rest("CreateTaskPushNotificationConfig", "body"))
    .handleRaw("listPushConfigs", rest("ListTaskPushNotificationConfigs", "query"))
    .handleRaw("getPushConfig", rest("GetTaskPushNotificationConfig", "query"))
    .handleRaw("deletePushConfig", rest("DeleteTaskPushNotificationConfig", "query")),
)

/** The face, for `faces` of a server. */
export const face: Face.Face = {
  groups: [Group.card, Group.group],
  after: "agUi",
  examples,
  headers: ["A2A-Version"],
  layer: Layer.merge(cards, agents),
}
