/** A coding agent without a model: it always writes the same file, and requests permission first. */
import { agent, ndJsonStream, type RequestPermissionResponse } from "@agentclientprotocol/sdk"
import { join } from "node:path"
import { Readable, Writable } from "node:stream"

const folders = new Map<string, string>()
const toolCall = { toolCallId: "write", title: "write greeting.txt", kind: "edit" } as const

agent({ name: "stand-in" })
  .onRequest("initialize", () => ({ protocolVersion: 1, agentCapabilities: {}, authMethods: [] }))
  .onRequest("session/new", ({ params }) => {
    const sessionId = `session-${process.pid}`
    folders.set(sessionId, params.cwd)
    // The mode in which the agent requests permission.
    const ask = { id: "ask", name: "Ask", description: "Asks for permission before each edit" }
    return { sessionId, modes: { currentModeId: ask.id, availableModes: [ask] } }
  })
  .onRequest("session/prompt", async ({ client, params: { sessionId } }) => {
    const path = join(folders.get(sessionId) ?? "", "greeting.txt")
    await client.notify("session/update", {
      sessionId,
      update: { sessionUpdate: "tool_call", status: "pending", ...toolCall },
    })
    const { outcome } = await client.request<RequestPermissionResponse>("session/request_permission", {
      sessionId,
      toolCall,
      options: [
        { optionId: "yes", kind: "allow_once", name: "Yes" },
        { optionId: "no", kind: "reject_once", name: "No" },
      ],
    })
    if (outcome.outcome === "cancelled") return { stopReason: "cancelled" }
    const isAllowed = outcome.optionId === "yes"
    if (isAllowed) {
      await client.request("fs/write_text_file", { sessionId, path, content: "Hello, world!\n" })
    }
    await client.notify("session/update", {
      sessionId,
      update: {
        sessionUpdate: "tool_call_update",
        toolCallId: toolCall.toolCallId,
        status: isAllowed ? "completed" : "failed",
      },
    })
    const text = isAllowed ? "I have written greeting.txt." : "I have written nothing."
    await client.notify("session/update", {
      sessionId,
      update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } },
    })
    return { stopReason: "end_turn" }
  })
  .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)))
