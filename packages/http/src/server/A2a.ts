import { HttpApiBuilder, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import type { Ids } from "@runlease/core"
import { Digest } from "@runlease/core/internal"
import { Effect } from "effect"
import * as AgentCard from "../a2a/AgentCard.js"
import { Api } from "../Api.js"
import * as JsonRpc from "./a2a/JsonRpc.js"
import * as Rest from "./a2a/Rest.js"
import * as Caller from "./Caller.js"

/** The number of contexts that are rebuilt at once. */
const atOnce = 4

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

export const card = HttpApiBuilder.group(Api, "a2aCard", (handlers) =>
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

export const layer = HttpApiBuilder.group(Api, "a2a", (handlers) =>
  Effect.gen(function* () {
    const rebuilding = yield* Effect.makeSemaphore(atOnce)

    const requestFor = (agentId: Ids.AgentId, request: HttpServerRequest.HttpServerRequest) =>
      Effect.gen(function* () {
        const { projectId } = yield* Caller.apiKey
        const agent = { agentId, ports: yield* Caller.ports, projectId, rebuilding }
        return { agent, url: urlOf(request, agentId) }
      })

    const rest =
      (method: string, from: Rest.From) =>
      ({
        path: { agent_id, ...fields },
        request,
      }: {
        readonly path: { readonly agent_id: Ids.AgentId } & Readonly<Record<string, string>>
        readonly request: HttpServerRequest.HttpServerRequest
      }) =>
        Effect.flatMap(requestFor(agent_id, request), (called) => Rest.respond(method, called, from, fields))

    /** An operation that the last part of the address names, behind the id of its task. */
    const named =
      (operations: Readonly<Record<string, string>>, from: Rest.From, otherwise?: string) =>
      ({
        path: { agent_id, task_id },
        request,
      }: {
        readonly path: { readonly agent_id: Ids.AgentId; readonly task_id: string }
        readonly request: HttpServerRequest.HttpServerRequest
      }) =>
        Effect.gen(function* () {
          const called = yield* requestFor(agent_id, request)
          for (const [suffix, method] of Object.entries(operations)) {
            if (!task_id.endsWith(suffix)) continue
            const id = task_id.slice(0, -suffix.length)
            return yield* Rest.respond(method, called, from, suffix === task_id ? {} : { id })
          }
          return otherwise === undefined
            ? Rest.unknown
            : yield* Rest.respond(otherwise, called, from, { id: task_id })
        })

    const messages = named(
      { "message:send": "SendMessage", "message:stream": "SendStreamingMessage" },
      "body",
    )

    return handlers
      .handleRaw("rpc", ({ path, request }) =>
        Effect.flatMap(requestFor(path.agent_id, request), JsonRpc.respond),
      )
      .handleRaw("send", ({ path: { agent_id, operation }, request }) =>
        messages({ path: { agent_id, task_id: operation }, request }),
      )
      .handleRaw("tasks", rest("ListTasks", "query"))
      .handleRaw("task", named({ ":subscribe": "SubscribeToTask" }, "query", "GetTask"))
      .handleRaw("taskOperation", named({ ":cancel": "CancelTask", ":subscribe": "SubscribeToTask" }, "body"))
      .handleRaw("extendedCard", rest("GetExtendedAgentCard", "query"))
      .handleRaw("createPushConfig", rest("CreateTaskPushNotificationConfig", "body"))
      .handleRaw("listPushConfigs", rest("ListTaskPushNotificationConfigs", "query"))
      .handleRaw("getPushConfig", rest("GetTaskPushNotificationConfig", "query"))
      .handleRaw("deletePushConfig", rest("DeleteTaskPushNotificationConfig", "query"))
  }),
)
