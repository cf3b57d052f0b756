import { AgentEvent } from "@runlease/core"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { callId, eventsOf, ports, scripted, textOf } from "./Agents.js"

describe("a client", () => {
  it.live("offers notices and compaction, and logs them unchanged", () =>
    Effect.gen(function* () {
      const notice = {
        severity: "warning",
        title: "The limit is near",
        description: "Two requests are left.",
      }
      const started = { compactionId: "k1", status: "in_progress" }
      const summary = { compactionId: "k1", content: { type: "text", text: "So far:" } }
      const done = { compactionId: "k1", status: "completed" }
      const subject = yield* scripted({
        steps: [
          { offered: "notices", update: { sessionUpdate: "notice", ...notice } },
          { offered: "compaction", update: { sessionUpdate: "compaction_update", ...started } },
          { offered: "compaction", update: { sessionUpdate: "compaction_summary_chunk", ...summary } },
          { offered: "compaction", update: { sessionUpdate: "compaction_update", ...done } },
          { say: "a" },
        ],
      })
      const events = yield* eventsOf(subject)
      deepStrictEqual(
        events.filter(({ type }) => type === "CUSTOM"),
        [
          AgentEvent.custom("acp.notice", notice),
          AgentEvent.custom("acp.compaction_update", started),
          AgentEvent.custom("acp.compaction_summary_chunk", summary),
          AgentEvent.custom("acp.compaction_update", done),
        ],
      )
      deepStrictEqual(textOf(events), "a")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("logs the name of a tool, if the agent sends one", () =>
    Effect.gen(function* () {
      const call = { toolCallId: "c1", title: "Edit a", kind: "edit", name: "write_file" }
      const subject = yield* scripted({
        steps: [{ update: { sessionUpdate: "tool_call", status: "completed", ...call } }],
      })
      const events = yield* eventsOf(subject)
      deepStrictEqual(
        events.filter(({ type }) => type === "TOOL_CALL_START"),
        [AgentEvent.toolCallStart(callId("c1"), "write_file")],
      )
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
