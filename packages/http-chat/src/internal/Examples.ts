/** Examples of the endpoints of pages of the AI SDK. */
import { conversationId } from "@runlease/http/Api/examples/Values"

const messageId = "01a20000-0000-7000-8000-000000000003"

/** The start, the text and the end of one answer. */
const chatStream = [
  { type: "start", messageId: "answer-report-1", messageMetadata: { runId: "report-1" } },
  { type: "start-step" },
  { type: "text-start", id: messageId },
  { type: "text-delta", id: messageId, delta: "Three pages." },
  { type: "text-end", id: messageId },
  { type: "finish-step" },
  { type: "finish", finishReason: "stop" },
]
  .map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
  .concat("data: [DONE]\n\n")
  .join("")

export const examples = {
  "chat.sendMessages": {
    sent: {
      id: conversationId,
      messages: [{ id: "m1", role: "user", parts: [{ type: "text", text: "Write the report" }] }],
      trigger: "submit-message",
    },
    answer: chatStream,
  },
  "chat.resumeStream": { answer: chatStream },
  "chat.messages": {
    answer: {
      messages: [
        { id: "m1", role: "user", parts: [{ type: "text", text: "Write the report" }] },
        {
          id: "answer-report-1",
          role: "assistant",
          parts: [{ type: "step-start" }, { type: "text", text: "Three pages.", state: "done" }],
          metadata: { runId: "report-1" },
        },
      ],
      omitted: 0,
    },
  },
  "chat.stopChat": {
    sent: { activeStreamId: "report-1" },
    answer: { success: true, stopped: true, runIds: ["report-1"] },
  },
}
