/** The requests of one worker over one WebSocket. (ours) */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids } from "@runlease/core"
import { Schema } from "effect"
import * as Refusal from "../contract/Refusal.js"
import { Operations } from "./Operations.js"
import { ClaimOptions } from "./Workers.js"

/** The subprotocol of the connection, which the server chooses. */
export const protocol = "runlease.worker"

const bearer = "runlease.bearer."

/** The token of a client, offered as a second subprotocol: the WebSocket of the web has no other headers. */
export const protocolOf = (token: string): string =>
  `${bearer}${btoa(token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`

/** The token among the subprotocols that a client offers. */
export const tokenIn = (protocols: string): string | undefined => {
  const offered = protocols.split(",").map((name) => name.trim())
  const encoded = offered.find((name) => name.startsWith(bearer))?.slice(bearer.length)
  if (encoded === undefined || !offered.includes(protocol)) return undefined
  try {
    return atob(encoded.replaceAll("-", "+").replaceAll("_", "/"))
  } catch {
    return undefined
  }
}

/** The most requests of one connection that have no answer yet. */
export const maxUnanswered = 16

/** The number of a request, of the client's choice. No two without an answer have the same. */
const id = Schema.NonNegativeInt

/**
 * What a client sends, each a text message: an exchange, a claim, which may wait, the signals of the worker, or that it wants no answer any more.
 * An exchange of no operations shows that both sides are there.
 */
export const Frame = Schema.Union(
  Schema.Struct({ id, operations: Operations }),
  Schema.Struct({ id, claim: ClaimOptions }),
  Schema.Struct({ id, signals: Schema.Literal(true) }),
  Schema.Struct({ id, cancel: Schema.Literal(true) }),
)
export type Frame = typeof Frame.Type

/** Codes with which the server ends a connection, in addition to those of the protocol. */
export const closing = {
  /** The server shuts down; the answers of all requests were sent. */
  goingAway: 1001,
  /** What the client sent is no frame. */
  malformed: 1007,
  /** The token is not valid any more, or the client breaks a limit. */
  policy: 1008,
} as const

export const connect = HttpApiEndpoint.get("connect", "/agent-workers/workers/:worker_id/connection")
  .setPath(Schema.Struct({ worker_id: Ids.WorkerId }))
  .addSuccess(HttpApiSchema.Empty(101))
  .addError(Refusal.UpgradeRequired)
  .annotateContext(
    OpenApi.annotations({
      summary: "Send the requests of a worker over one WebSocket",
      description: [
        `The subprotocol is \`${protocol}\`. A client that cannot set headers offers its token as a second one, \`${bearer}<base64url of the token>\`.`,
        'Each message of the client is JSON text: `{"id", "operations"}` is an exchange, `{"id", "claim"}` a claim, `{"id", "signals": true}` follows the signals of the worker, and `{"id", "cancel": true}` cancels the request of that id.',
        'Each answer is `{"id", "status", "body"}`, with `retry_after` in seconds where there is such a header, and each signal is `{"id", "signal"}`.',
        "A connection without a message for 45 seconds is closed. An exchange without operations keeps it.",
      ].join(" "),
    }),
  )
