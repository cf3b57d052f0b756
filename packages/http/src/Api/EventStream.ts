/** An event stream, as an endpoint describes it. */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import { Schema } from "effect"
import { integerText } from "../Wire.js"

/** The id of the last event that a client has received. */
export const lastEventIdHeader = "last-event-id"

export const StreamHeaders = Schema.Struct({
  [lastEventIdHeader]: Schema.optional(integerText(0, Number.MAX_SAFE_INTEGER)),
})

export const EventStreamText = Schema.String.pipe(
  HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/event-stream" }),
)
