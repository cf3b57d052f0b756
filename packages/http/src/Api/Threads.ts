/** Threads of AG-UI clients, looked up by the names that the clients have for them. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { nullish, orEmpty } from "../Wire.js"
import { ThreadView } from "../Wire/ThreadView.js"
import { EventStreamText } from "./EventStream.js"

const threadPath = Schema.Struct({ thread_id: Ids.text(1024) })

const Stop = Schema.Struct({ runId: nullish(Schema.String) })

export const Stopped = Schema.Struct({ stopped: Schema.Boolean, runId: Schema.NullOr(Schema.String) })

export const group = HttpApiGroup.make("threads")
  .add(
    HttpApiEndpoint.get("thread", "/threads/:thread_id")
      .setPath(threadPath)
      .addSuccess(ThreadView)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a thread",
          description:
            "The messages, the state and the unfinished run of a thread, as a client has them that followed it. A thread without runs is an empty one.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("threadStream", "/threads/:thread_id/stream")
      .setPath(threadPath)
      .setUrlParams(Schema.Struct({ protocol_version: Schema.optional(Schema.String) }))
      .addSuccess(EventStreamText)
      .annotateContext(
        OpenApi.annotations({
          summary: "Follow a thread",
          description:
            "First a closed run that restates the thread as STATE_SNAPSHOT and MESSAGES_SNAPSHOT. Then, where a run is unfinished, its events until it ends or waits. To close the stream cancels nothing. `protocol_version` is the version of AG-UI that the client declares in its inputs; without one the stream is for clients older than 1.0.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("stopThread", "/threads/:thread_id/stop")
      .setPath(threadPath)
      .setPayload(strict(orEmpty(Stop, {})))
      .addSuccess(Stopped)
      .annotateContext(
        OpenApi.annotations({
          summary: "Stop the run of a thread",
          description:
            "Cancels the run that has its turn, and none behind it. With `runId` only where it is that run. `stopped` is false where nothing was cancelled.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({
      title: "Threads",
      description: "Threads of AG-UI clients: look one up, come back to it, stop its run.",
    }),
  )
