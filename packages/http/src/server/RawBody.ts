/** The body of a request whose endpoint reads it itself, since the errors of its protocol are not those of this API. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Schema } from "effect"
import { notWhole } from "./BodyRefusals.js"

/** The body as text, which is empty for none. */
export const text = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
  Effect.mapError(request.text, () => notWhole),
)

/** The value of a text of JSON; none for another text. */
export const parse = Schema.decodeUnknownOption(Schema.parseJson())
