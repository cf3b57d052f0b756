/** The Model Context Protocol: runs as tools, in one endpoint. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Authorization } from "@runlease/http/Principal"
import * as Refusal from "@runlease/http/Refusal"
import { JsonBody } from "@runlease/http/face/Endpoint"
import { Schema } from "effect"
import * as JsonRpc from "./JsonRpc.js"

/** `agents`: each agent of a worker in contact is a separate tool. */
export const McpParams = Schema.Struct({ agents: Schema.optional(Schema.BooleanFromString) })

const Answer = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Schema.optional(JsonRpc.Id),
  result: Schema.optional(JsonRpc.Params),
  error: Schema.optional(
    Schema.Struct({ code: Schema.Int, message: Schema.String, data: Schema.optional(Schema.Unknown) }),
  ),
}).annotations({ identifier: "JsonRpcAnswer" })

export const group = HttpApiGroup.make("mcp")
  .add(
    HttpApiEndpoint.post("message", "/mcp")
      .setUrlParams(McpParams)
      .setPayload(JsonRpc.Incoming)
      .addSuccess(Answer)
      .addSuccess(HttpApiSchema.Empty(202).annotations({ description: "A notification was accepted" }))
      .addError(Refusal.NotAcceptable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Run and follow agents as tools of MCP",
          description:
            "One message of JSON-RPC 2.0, by version 2026-07-28 of the Model Context Protocol or by one since 2025-03-26, and its answer: as JSON, or as an event stream that ends with it. There are no sessions and no stream to GET. A malformed message, one whose headers do not say what its body says, and one of an unknown version get 400 with the error of JSON-RPC; an unknown method of version 2026-07-28 gets 404.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "MCP",
      description: "Runs as tools for clients of the Model Context Protocol.",
    }),
  )
