/**
 * Formats runs and their events, as lines for people and as JSON for machines.
 */
import { type Interrupt, Labels, ResumeRules, type Run, type RunLog } from "@runlease/core"
import { ToolArguments } from "@runlease/core/executor"
import * as RunWire from "@runlease/http/RunWire"
import { WaitTransitions } from "@runlease/store"
import { DateTime, Option, Schema, Struct } from "effect"
import * as AboutLines from "./AboutLines.js"
import type { Paint } from "./Output.js"
import * as RecordLines from "./RecordLines.js"
import * as Terminal from "./Terminal.js"

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

/** What a run waits for, apart from a time. */
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
  return endsAt === null ? null : DateTime.formatIso(DateTime.unsafeMake(endsAt))
}

/** Labels on one line; null for none. */
export const ofLabels = (labels: Labels.Labels): string | null =>
  Labels.isEmpty(labels)
    ? null
    : Labels.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(" ")

type WireRun = typeof RunWire.ConversationRun.Encoded

const encode = Schema.encodeSync(RunWire.ConversationRun)

/**
 * The fields of the wire that a line leaves out. The error, the lease and what the run waits for have fields of their own there; the others
 * are for programs of the API.
 */
const omitted = [
  "message_id",
  "latest_event_id",
  "latest_external_event_sequence",
  "waiting_tool_call_id",
  "waiting_tool_name",
  "project_id",
  "terminal_error_code",
  "terminal_error_message",
  "terminal_error_detail",
  "source_target_kind",
  "source_target_environment_id",
  "source_target_branch_id",
  "source_target_release_version",
  "runtime_target_kind",
  "runtime_target_environment_id",
  "runtime_target_branch_id",
  "runtime_target_release_version",
  "updated_at",
  "root_run_id",
  "mode",
  "trigger",
  "implementation_kind",
  "worker_key",
  "priority",
  "concurrency_key",
  "concurrency_limit",
  "limits",
  "available_at",
  "lease_owner",
  "lease_epoch",
  "waiting_expires_at",
  "waiting_interrupts",
  "waiting_answers",
  "wakes_at",
  "waiting_children",
  "waiting_taken_messages",
  "waiting_for_budget",
  "worker_session",
] as const satisfies ReadonlyArray<keyof WireRun>

/** The order of the fields of a line, and their values where the wire has none. A further field of the wire follows them. */
const template = {
  run_id: null,
  agent_id: null,
  status: null,
  conversation_id: null,
  parent_run_id: null,
  created_at: null,
  started_at: null,
  finished_at: null,
  attempt: 0,
  max_attempts: 1,
  held_by: null,
  lease_expires_at: null,
  waiting_for: null,
  waiting_until: null,
  budget: null,
  ttl_seconds: null,
  start_by: null,
  timeout_seconds: null,
  timeout_at: null,
  labels: {},
  version_policy: null,
  version: null,
  fairness_key: null,
  fairness_weight: null,
  open: null,
  error: null,
  metadata: null,
  result: null,
}

/** Interrupts of the wire that are open, without the fields that clients of AG-UI read. */
const openJson = (run: Run.Run, interrupts: WireRun["waiting_interrupts"]) => {
  const open = new Set(openInterrupts(run).map(({ id }) => id))
  return interrupts
    ?.filter(({ id }) => open.has(id))
    .map((interrupt) => Struct.omit(interrupt, "client_tool", "subagent_run_id"))
}

/** The run as the fields of a JSON line. */
export const toJson = (run: Run.Run) => {
  const wire = encode(run)
  return {
    ...template,
    ...Struct.omit(wire, ...omitted),
    status: run.status,
    held_by: wire.lease_owner,
    waiting_for: waitingFor(run),
    waiting_until: waitingUntil(run),
    open: openJson(run, wire.waiting_interrupts) ?? null,
    error: run.error,
  }
}

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

/** A value with more lines is below its name. */
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
