/**
 * Formats runs and their events, as lines for people and as JSON for machines.
 */
import { type Interrupt, Labels, type Run, type RunLog } from "@runlease/core"
import { ToolArguments } from "@runlease/core/executor"
import { ResumeRules, WaitTransitions } from "@runlease/core/store"
import { DateTime, Option } from "effect"
import * as AboutLines from "./AboutLines.js"
import type { Paint } from "./Output.js"
import * as RecordLines from "./RecordLines.js"
import * as Terminal from "./Terminal.js"

const instant = (value: DateTime.Utc | null): string | null =>
  value === null ? null : DateTime.formatIso(value)

/** The open interrupts of a run; none unless it waits. */
export const openInterrupts: (run: Run.Run) => ReadonlyArray<Interrupt.Interrupt> = ResumeRules.openOf

/** How much of the arguments a line shows, in UTF-16 units. `runs get --json` has them all. */
const maxArguments = 2_000

/** What a call is made with, behind the question about it. */
export const argumentsOf = (toolArguments: unknown): string =>
  toolArguments === undefined
    ? ""
    : ` with ${ToolArguments.cut(JSON.stringify(toolArguments) ?? "null", maxArguments)}`

/** The question of an interrupt, with the arguments of its call and its deadline, on one line. */
export const questionOf = ({
  expiresAt,
  message,
  reason,
  toolArguments,
  toolName,
}: Interrupt.Interrupt): string =>
  Terminal.onOneLine(message ?? (toolName === undefined ? reason : `the result of ${toolName}`)) +
  argumentsOf(toolArguments) +
  (expiresAt === undefined ? "" : ` (until ${DateTime.formatIso(expiresAt)})`)

const interruptJson = (interrupt: Interrupt.Interrupt) => ({
  id: interrupt.id,
  reason: interrupt.reason,
  message: interrupt.message,
  tool_call_id: interrupt.toolCallId,
  tool_name: interrupt.toolName,
  tool_arguments: interrupt.toolArguments,
  response_schema: interrupt.responseSchema,
  expires_at: interrupt.expiresAt && DateTime.formatIso(interrupt.expiresAt),
  metadata: interrupt.metadata,
})

/** What a run waits for beside a time. */
const waitingFor = (run: Run.Run): string | null => {
  const open = openInterrupts(run)
  const { budget, children, inbox } = run.waiting ?? {}
  const wanted = [
    ...(open.length === 0 ? [] : [open.map(({ id }) => id).join(", ")]),
    ...(children === undefined ? [] : ["children"]),
    ...(inbox === undefined ? [] : ["a message"]),
    ...(budget === undefined ? [] : ["a higher budget"]),
  ]
  return wanted.length === 0 ? null : wanted.join(" or ")
}

const waitingUntil = (run: Run.Run): string | null => {
  const endsAt = WaitTransitions.endsAt(run)
  return endsAt === null ? null : instant(DateTime.unsafeMake(endsAt))
}

/** Labels on one line; null for none. */
export const ofLabels = (labels: Labels.Labels): string | null =>
  Labels.isEmpty(labels)
    ? null
    : Labels.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(" ")

/** The run as the fields of a JSON line. */
export const toJson = (run: Run.Run) => ({
  run_id: run.runId,
  agent_id: run.agentId,
  status: run.status,
  conversation_id: run.conversationId,
  parent_run_id: run.parentRunId,
  created_at: instant(run.createdAt),
  started_at: instant(run.startedAt),
  finished_at: instant(run.finishedAt),
  attempt: run.attempt,
  max_attempts: run.maxAttempts,
  held_by: run.lease?.owner ?? null,
  lease_expires_at: instant(run.lease?.expiresAt ?? null),
  waiting_for: waitingFor(run),
  waiting_until: waitingUntil(run),
  budget: run.budget ?? null,
  ttl_seconds: run.ttlSeconds ?? null,
  start_by: instant(run.startBy ?? null),
  timeout_seconds: run.timeoutSeconds ?? null,
  timeout_at: instant(run.timeoutAt ?? null),
  labels: run.labels,
  batch_id: run.batchId,
  fairness_key: run.fairnessKey ?? null,
  fairness_weight: run.fairnessWeight ?? null,
  open: run.waiting === null ? null : openInterrupts(run).map(interruptJson),
  error: run.error,
  metadata: run.metadata,
  result: run.result,
})

const leaseLine = (lease: Run.LeaseRecord | null, now: DateTime.Utc): string | null => {
  if (lease === null) return null
  const left = Math.ceil((lease.expiresAt.epochMillis - now.epochMillis) / 1000)
  return left > 0 ? `expires in ${left}s` : `expired ${-left}s ago`
}

/** The most characters of a value of JSON on one line. */
const maxWidth = 80

/** A value of JSON for people: on one line where that is short. */
export const ofJson = (value: unknown): string => {
  const line = JSON.stringify(value)
  return line.length <= maxWidth ? line : JSON.stringify(value, null, 2)
}

/** A value with more lines stands below its name. */
const fieldLine = (key: string, value: unknown): string => {
  const text =
    typeof value === "string" ? value.split("\n").map(Terminal.onOneLine).join("\n") : ofJson(value)
  return text.includes("\n") ? `${key}\n  ${text.replaceAll("\n", "\n  ")}` : `${key.padEnd(16)}${text}`
}

/**
 * The fields of the run as lines, its lease relative to `now`, and how to answer its open interrupts. `input`: the payload of the run,
 * where it has one.
 */
export const toText = (run: Run.Run, now: DateTime.Utc, input?: unknown): string => {
  const { attempt, held_by, lease_expires_at: _, max_attempts, open: __, result, ...fields } = toJson(run)
  const lines = Object.entries({
    ...fields,
    labels: ofLabels(run.labels),
    attempt: attempt === 0 ? null : `${attempt} of ${max_attempts}`,
    "held by": held_by,
    lease: leaseLine(run.lease, now),
    ...(input === undefined ? {} : { input }),
    result,
  })
    .filter(([key, value]) => value !== null || key === "input")
    .map(([key, value]) => fieldLine(key, value))
  const open = openInterrupts(run)
  if (open.length === 0) return lines.join("\n")
  const which = open.length === 1 ? "" : ` --interrupt ${open[0]!.id}`
  return [
    ...lines,
    "",
    "It asks:",
    ...open.map(
      (interrupt) => `  ${interrupt.id}  ${questionOf(interrupt)}${AboutLines.of(interrupt, "    ")}`,
    ),
    `Answer with: runlease resume ${run.runId}${which} (--approve | --deny | --result JSON | --text TEXT)`,
  ].join("\n")
}

const colours: Readonly<Record<Run.RunStatus, Parameters<Paint>[0]>> = {
  pending: "dim",
  running: "cyan",
  waiting: "yellow",
  completed: "green",
  failed: "red",
  cancelled: "yellow",
}

/** The headings of `toRow`. */
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

/** The run as a line of a tree. */
export const toBranch = (run: Run.Run, paint: Paint): string => {
  const ended = run.error === null ? "" : `  ${Terminal.onOneLine(run.error.message)}`
  return (
    `${run.agentId}  ${run.runId}  ${paint(colours[run.status], run.status)}  ${took(run)}`.trimEnd() + ended
  )
}

/** An event as a line. */
const eventLine = (event: RunLog.LogEntry["event"], paint: Paint): string => {
  const field = (name: string) => (typeof event[name] === "string" ? event[name] : "")
  const record = RecordLines.of(event)
  if (Option.isSome(record)) return `${paint("dim", Terminal.onOneLine(`· ${record.value}`))}\n`
  const about =
    field("stepName") ||
    field("toolCallName") ||
    field("toolCallId") ||
    field("message") ||
    field("name") ||
    ((event["outcome"] as { readonly type?: string } | undefined)?.type ?? "")
  const value = event.type === "CUSTOM" ? ` ${JSON.stringify(event["value"])}` : ""
  const line = `· ${event.type.toLowerCase()}${about === "" ? "" : ` ${about}`}${value}`
  return `${paint("dim", Terminal.onOneLine(line))}\n`
}

/** The payload of a run, before its events. */
export const ofInput = (input: unknown, paint: Paint): string =>
  `${paint("dim", "· input")} ${ofJson(input)}\n`

/** An event as text to write unchanged: deltas without a line end, anything else as a line, with the result of the run below its end. */
export const ofEvent = ({ event }: RunLog.LogEntry, paint: Paint): string => {
  switch (event.type) {
    case "TEXT_MESSAGE_CONTENT":
    case "TEXT_MESSAGE_CHUNK":
      return typeof event["delta"] === "string" ? event["delta"] : ""
    case "TEXT_MESSAGE_START":
      return ""
    case "TEXT_MESSAGE_END":
      return "\n"
    case "RUN_FINISHED":
      return event["result"] == null
        ? eventLine(event, paint)
        : `${eventLine(event, paint)}${ofJson(event["result"])}\n`
    default:
      return eventLine(event, paint)
  }
}
