// A coding agent without a model: it always writes the same file, and requests permission first.
import { agent, ndJsonStream } from "@agentclientprotocol/sdk"
import { join } from "node:path"
import { Readable, Writable } from "node:stream"

const folders = new Map()

const says = (client, sessionId, text) =>
  client.notify("session/update", {
    sessionId,
    update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } },
  })

agent({ name: "stand-in" })
  .onRequest("initialize", () => ({
    protocolVersion: 1,
    agentInfo: { name: "stand-in", version: "1" },
    agentCapabilities: {},
    authMethods: [],
  }))
  .onRequest("session/new", ({ params }) => {
    const sessionId = `session-${process.pid}`
    folders.set(sessionId, params.cwd)
    // A mode that requests permission, so that `permission: "ask"` finds one.
    const ask = { id: "ask", name: "Ask", description: "Asks for permission before each edit" }
    return { sessionId, modes: { currentModeId: ask.id, availableModes: [ask] } }
  })
  .onRequest("session/prompt", async ({ client, params }) => {
    const { sessionId } = params
    const path = join(folders.get(sessionId), "greeting.txt")
    const toolCall = {
      toolCallId: `write-${process.pid}`,
      title: "write greeting.txt",
      kind: "edit",
      rawInput: { file: "greeting.txt" },
    }
    await client.notify("session/update", {
      sessionId,
      update: { sessionUpdate: "tool_call", status: "pending", ...toolCall },
    })
    const { outcome } = await client.request("session/request_permission", {
      sessionId,
      toolCall,
      options: [
        { optionId: "yes", kind: "allow_once", name: "Yes" },
        { optionId: "no", kind: "reject_once", name: "No" },
      ],
    })
    if (outcome.outcome === "cancelled") return { stopReason: "cancelled" }
    const allowed = outcome.optionId === "yes"
    if (allowed) await client.request("fs/write_text_file", { sessionId, path, content: "Hello, world!\n" })
    await client.notify("session/update", {
      sessionId,
      update: {
        sessionUpdate: "tool_call_update",
        toolCallId: toolCall.toolCallId,
        status: allowed ? "completed" : "failed",
      },
    })
    await says(client, sessionId, allowed ? "I have written greeting.txt." : "Then I leave it.")
    return { stopReason: "end_turn" }
  })
  .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)))
