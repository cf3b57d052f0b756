/** The faces of a server of these tests, which are those of the command. */
import { A2aFace } from "@runlease/http-a2a"
import { ChatFace } from "@runlease/http-chat"
import { McpFace } from "@runlease/http-mcp"
import { ResponsesFace } from "@runlease/http-responses"

export const faces = [McpFace.face, A2aFace.face, ResponsesFace.face, ChatFace.face]

/** The part of a page's message that approves the tool call `refund`. */
export const approvedRefund = {
  type: "tool-refund",
  toolCallId: "refund",
  state: "approval-responded",
  input: {},
  approval: { id: "refund", approved: true },
}
