/**
 * Runs and their events, as lines for people and as JSON for machines.
 */
import type { Run, RunLog } from "@runlease/core"
import { DateTime } from "effect"
import type { Paint } from "./Output.js"

const instant = (value: DateTime.Utc | null): string | null =>
  value === null ? null : DateTime.formatIso(value)

/** The run as the fields of a JSON line. */
export const toJson = (run: Run.Run) => ({
  run_id: run.runId,
  agent_id: run.agentId,
  status: run.status,
  conversation_id: run.conversationId,
  created_at: instant(run.createdAt),
  started_at: instant(run.startedAt),
  finished_at: instant(run.finishedAt),
  waiting_for: run.waiting?.toolCallId ?? null,
  waiting_until: instant(run.waiting?.expiresAt ?? null),
  error: run.error,
  metadata: run.metadata,
})

const colours: Readonly<Record<Run.RunStatus, Parameters<Paint>[0]>> = {
  pending: "dim",
  running: "cyan",
  waiting: "yellow",
  completed: "green",
  failed: "red",
  cancelled: "yellow",
}

export const headings = ["RUN", "AGENT", "CREATED", "TOOK", "STATUS"]

const took = (run: Run.Run): string =>
  run.startedAt === null || run.finishedAt === null
    ? ""
    : `${((run.finishedAt.epochMillis - run.startedAt.epochMillis) / 1000).toFixed(2)}s`

/** The run as a row below `headings`. */
export const toRow = (run: Run.Run, paint: Paint): ReadonlyArray<string> => [
  run.runId,
  run.agentId,
  DateTime.formatIso(run.createdAt).slice(0, 19).replace("T", " "),
  took(run),
  paint(colours[run.status], run.status) + (run.error === null ? "" : `  ${run.error.message}`),
]

/** An event as text to be written as it is: deltas without a line end, anything else as a line. */
export const ofEvent = (entry: RunLog.LogEntry, paint: Paint): string => {
  const { event } = entry
  const field = (name: string) => (typeof event[name] === "string" ? event[name] : "")
  switch (event.type) {
    case "TEXT_MESSAGE_CONTENT":
    case "TEXT_MESSAGE_CHUNK":
      return field("delta")
    case "TEXT_MESSAGE_START":
      return ""
    case "TEXT_MESSAGE_END":
      return "\n"
    default: {
      const about =
        field("stepName") ||
        field("toolCallName") ||
        field("toolCallId") ||
        field("message") ||
        field("name") ||
        ((event["outcome"] as { readonly type?: string } | undefined)?.type ?? "")
      const value = event.type === "CUSTOM" ? ` ${JSON.stringify(event["value"])}` : ""
      return `${paint("dim", `· ${event.type.toLowerCase()}${about === "" ? "" : ` ${about}`}${value}`)}\n`
    }
  }
}
