/** The limits of a request's body. */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Schema } from "effect"
import * as Refusal from "./Refusal.js"

/** Bytes. A body of 10 MiB passes, with what surrounds it. */
export const maxBytes = 10 * 1024 * 1024 + 64 * 1024

/** The depth to which arrays and objects may nest. */
export const maxDepth = 256

/**
 * Refuses a body that is not JSON, too large or nested too deeply, or that the server has no memory for now, before
 * anything reads it.
 */
export class JsonBody extends HttpApiMiddleware.Tag<JsonBody>()("@runlease/http/JsonBody", {
  provides: HttpServerRequest.HttpServerRequest,
  failure: Schema.Union(Refusal.Timeout, Refusal.TooLarge, Refusal.UnsupportedMediaType, Refusal.Unavailable),
}) {}
