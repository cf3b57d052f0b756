/**
 * A thread as one closed run, for a client that comes to it.
 *
 * Source: https://docs.ag-ui.com/concepts/serialization
 */
import { PROTOCOL_VERSION } from "@ag-ui/core"
import type { AgentEvent } from "@runlease/core"
import * as OlderForm from "../../agui/OlderForm.js"
import type * as ThreadFold from "../../agui/ThreadFold.js"
import type * as AgUiView from "../../agui/AgUiView.js"

/**
 * Snapshots instead of what was streamed: streamed again, a client would append it to what it has. A state that is too
 * large is not restated.
 */
export const events = (
  subject: AgUiView.Subject,
  peer: AgUiView.Peer,
  { messages, omittedMessages, state }: ThreadFold.Folded,
): ReadonlyArray<AgentEvent.LogEvent> => {
  const restated: AgentEvent.LogEvent = {
    type: "MESSAGES_SNAPSHOT",
    messages,
    ...(omittedMessages === 0 ? {} : { metadata: { "runlease.omittedMessages": omittedMessages } }),
  }
  return [
    { type: "RUN_STARTED", ...subject, protocolVersion: PROTOCOL_VERSION },
    ...(state === undefined ? [] : [{ type: "STATE_SNAPSHOT", snapshot: state }]),
    peer === "older" && OlderForm.differs(restated) ? OlderForm.of(restated) : restated,
    { type: "RUN_FINISHED", ...subject },
  ]
}
