/** The UI message stream of a run, as it grows. */
import { RunLog } from "@runlease/core"
import { Context } from "effect"
import * as ChatView from "../../chat/ChatView.js"
import * as Chunk from "../../chat/Chunk.js"
import type * as OlderSdk from "../../chat/OlderSdk.js"
import type { Ports } from "../ProjectPorts.js"
import * as RunStream from "../RunStream.js"
import type { Begun } from "./Begin.js"

/** As `UI_MESSAGE_STREAM_HEADERS` of npm `ai` has it. */
const headers = { "x-vercel-ai-ui-message-stream": "v1" }

/** `after`: what comes up to this event is not sent. `version`: of the SDK of the page. */
interface Page {
  readonly messageId: string
  readonly after?: number
  readonly version: OlderSdk.Version | undefined
}

/**
 * Answers with a part of a run, as the message of that id.
 *
 * @category responses
 */
export const respond = (
  ports: Ports,
  { messageId, after = 0, version }: Page,
  { answered, from, goesOn, passed, restated, runId }: Begun,
) =>
  RunStream.respond(
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
