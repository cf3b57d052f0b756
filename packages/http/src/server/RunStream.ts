/** The event stream of a run: its log's view, as it grows. */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Run, RunLog } from "@runlease/core"
import { type Context, Effect } from "effect"
import * as EventStream from "./EventStream.js"
import type { JoinedViewer } from "./Viewer.js"
import { type Shown, Views } from "./Views.js"

/** The events of a run after event `after`, for clients of the API of runs. */
export const whole = ({ conversationId, runId }: Run.Run, after: number | undefined = 0): Shown => ({
  runId,
  as: { runId, threadId: conversationId },
  peer: "durable",
  after,
})

/** Answers with a part of a log. */
export const respond = (
  log: Context.Tag.Service<RunLog.RunLog>,
  shown: Shown,
  manner?: EventStream.Manner,
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, EventStream.Services | Views> =>
  Effect.gen(function* () {
    const views = yield* Views
    let viewer: JoinedViewer | undefined
    const { response, stream } = yield* EventStream.open(() => viewer?.take(), manner)
    viewer = yield* Effect.acquireRelease(
      Effect.sync(() => views.join(log, shown, stream)),
      ({ leave }) => Effect.sync(leave),
    )
    return response
  })
