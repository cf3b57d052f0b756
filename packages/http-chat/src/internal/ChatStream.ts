/** The UI message stream of a run, as it grows. */
import { RunLog } from "@runlease/core"
import type { Ports } from "@runlease/http/face/Caller"
import * as EventStream from "@runlease/http/face/EventStream"
import type * as Face from "@runlease/http/face/Face"
import { Context } from "effect"
import * as ChatView from "./ChatView.js"
import * as Chunk from "./Chunk.js"
import type * as OlderSdk from "./OlderSdk.js"
import type { Begun } from "./Begin.js"

/** As `UI_MESSAGE_STREAM_HEADERS` of npm `ai` has it. */
const headers = { "x-vercel-ai-ui-message-stream": "v1" }

/** `after`: what comes up to this event is not sent. `version`: of the SDK of the page. */
interface Page {
  readonly messageId: string
  readonly after?: number
  readonly version: OlderSdk.Version | undefined
}

/** Answers with a part of a run, as the message of that id. */
export const respond = (
  ports: Ports,
  { messageId, after = 0, version }: Page,
  { answered, from, goesOn, passed, restated, runId }: Begun,
): Face.Answer =>
  EventStream.respondWithView(
    Context.get(ports, RunLog.RunLog),
    {
      runId,
      as: { runId, threadId: "" },
      from,
      peer: "current",
      after,
      form: {
        key: JSON.stringify(["chat", messageId, goesOn, passed, version]),
        fold: (toEvent) =>
          ChatView.fold(
            { runId, messageId, goesOn, answered, version, ...(restated === undefined ? {} : { restated }) },
            { toEvent },
          ),
        json: Chunk.encode,
        passed,
      },
    },
    // A page would take the end of a stream for the end of the answer.
    { headers, cuts: true },
  )
