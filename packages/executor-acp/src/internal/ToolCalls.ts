/** The tool calls of an agent. Each is assembled from all of its updates. */
import { AgentEvent, ControlEvents, Json } from "@runlease/core"
import { Option, Predicate, Schema } from "effect"
import type { ToolCall } from "./SessionUpdate.js"
import * as Truncation from "./Truncation.js"

const Report = Schema.Struct({ terminal_id: Schema.String, data: Schema.optional(Schema.String) })

const decode = Schema.decodeUnknownOption(Report)

/**
 * The output of commands that an agent runs itself and reports in `_meta` of its tool calls. The protocol does not define
 * the keys; claude-agent-acp and codex-acp use the same ones.
 */
const makeTerminals = () => {
  const outputs = new Map<string, string>()

  const take = (report: unknown, appends: boolean): void =>
    Option.match(decode(report), {
      onNone: () => undefined,
      onSome: ({ data = "", terminal_id }) => {
        const before = appends ? (outputs.get(terminal_id) ?? "") : ""
        outputs.set(terminal_id, `${before}${data}`.slice(-Truncation.maxBytes))
      },
    })

  return {
    /** Reads the reports in the `_meta` of a tool call. */
    on: (meta: Readonly<Record<string, unknown>>): void => {
      if ("terminal_output" in meta) take(meta["terminal_output"], false)
      for (const key of ["terminal_info", "terminal_output_delta", "terminal_exit"]) take(meta[key], true)
    },
    /** The end of a terminal's output. Undefined if no tool call reported the terminal. */
    outputOf: (terminalId: string): string | undefined => outputs.get(terminalId),
  }
}

type Events = ReadonlyArray<AgentEvent.AgentEvent>

/** The state of a call. */
export interface CallState {
  readonly toolCallId: string
  /** The id of the call in the log. */
  readonly id: string
  /** The latest value of each field. */
  readonly fields: Partial<ToolCall>
  /** The input in the log, as canonical JSON. Undefined while the arguments are open. */
  readonly loggedInput: string | undefined
  readonly done: boolean
}

export const nameOf = ({ kind, name, title }: Partial<ToolCall>): string => name ?? title ?? kind ?? "tool"

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) && value.length === 0) ||
  (Predicate.isRecord(value) && Object.keys(value).length === 0)

/** An empty list removes an earlier list. */
const removesList = (value: unknown, before: unknown): boolean =>
  Array.isArray(value) && value.length === 0 && !isEmpty(before)

/** The fields of an update without empty ones. The agent is still writing an input that is empty. */
const fieldsOf = (call: ToolCall, before: Partial<ToolCall> | undefined): Partial<ToolCall> => {
  const { content, locations } = before ?? {}
  const lists: Readonly<Record<string, unknown>> = { content, locations }
  return Object.fromEntries(
    Object.entries(call).filter(
      ([key, value]) =>
        key !== "sessionUpdate" && key !== "_meta" && (!isEmpty(value) || removesList(value, lists[key])),
    ),
  )
}

export const hasInput = (call: Partial<ToolCall>): boolean => !isEmpty(call.rawInput)

const isDone = (status: string | null | undefined): boolean => status === "completed" || status === "failed"

/** The output of a terminal. Undefined for an unknown terminal. */
type TerminalOutput = (terminalId: string) => string | undefined

const textOf = (part: Readonly<Record<string, unknown>>, output: TerminalOutput): ReadonlyArray<string> => {
  const { content, terminalId, type } = part
  if (type === "terminal" && typeof terminalId === "string") {
    const text = output(terminalId)
    return text === undefined ? [] : [text]
  }
  return type === "content" && Predicate.isRecord(content) && typeof content["text"] === "string"
    ? [content["text"]]
    : []
}

/** The result as text: the content that the agent shows, or else the raw output of its tool. */
const resultOf = ({ content, rawOutput }: Partial<ToolCall>, output: TerminalOutput): string => {
  const shown = (content ?? []).flatMap((part) => textOf(part, output))
  if (shown.length > 0) return shown.join("\n")
  const raw = rawOutput ?? (isEmpty(content) ? "" : content)
  return typeof raw === "string" ? raw : (JSON.stringify(raw) ?? "")
}

export interface Options {
  /** Makes the ids of tool calls differ from those of other runs and attempts. */
  readonly suffix: string
  readonly terminalOutput: TerminalOutput
}

export const make = ({ suffix, terminalOutput }: Options) => {
  const calls = new Map<string, CallState>()
  const reported = makeTerminals()

  const endArguments = (call: CallState): readonly [CallState, Events] => {
    if (call.loggedInput !== undefined) return [call, []]
    const text = hasInput(call.fields) ? JSON.stringify(Truncation.json(call.fields.rawInput)) : "{}"
    return [
      { ...call, loggedInput: Json.canonicalJson(call.fields.rawInput) },
      [AgentEvent.toolCallArgs(call.id, text), AgentEvent.toolCallEnd(call.id)],
    ]
  }

  const addResult = (call: CallState): readonly [CallState, Events] => {
    if (call.done || !isDone(call.fields.status)) return [call, []]
    const content = Truncation.text(
      resultOf(call.fields, (id) => terminalOutput(id) ?? reported.outputOf(id)),
    )
    const messageId = `${call.id}-result`
    return [
      { ...call, done: true },
      [
        call.fields.status === "failed"
          ? AgentEvent.toolCallFailure(messageId, call.id, content)
          : AgentEvent.toolCallResult(messageId, call.id, content, { role: "tool" }),
      ],
    ]
  }

  /**
   * A CUSTOM event with the fields that AG-UI's own events do not have: content, diffs, locations in files, the raw output, a
   * new title or kind, the agent's extensions, and an input that differs from the logged arguments. Arguments in the log
   * cannot be changed, so until the call begins, each change of its input comes here.
   */
  const details = (
    call: CallState,
    update: ToolCall,
    fields: Partial<ToolCall>,
    before: CallState | undefined,
  ): Events => {
    const { content, locations, rawInput, rawOutput, ...rest } = fields
    const logged = call.loggedInput ?? Json.canonicalJson(before?.fields.rawInput)
    const other = rawInput !== undefined && Json.canonicalJson(rawInput) !== logged
    const _meta = isEmpty(update._meta) ? undefined : update._meta
    const more = { content, locations, rawOutput, rawInput: other ? rawInput : undefined, _meta }
    const present = Object.entries(more).filter(([, value]) => value !== undefined)
    const renamed =
      before !== undefined &&
      (["title", "kind", "name"] as const).some((key) => key in fields && fields[key] !== before.fields[key])
    if (present.length === 0 && !renamed) return []
    const value = { ...rest, toolCallId: call.id, ...Object.fromEntries(present) }
    return [AgentEvent.custom("acp.tool_call", Truncation.json(value))]
  }

  const apply = (update: ToolCall, needsPermission: boolean): readonly [Events, CallState] => {
    if (update._meta != null) reported.on(update._meta)
    const before = calls.get(update.toolCallId)
    const fields = fieldsOf(update, before?.fields)
    const id = before?.id ?? `${update.toolCallId}${suffix}`
    let call: CallState = {
      toolCallId: update.toolCallId,
      id,
      fields: { ...before?.fields, ...fields },
      loggedInput: before?.loggedInput,
      done: before?.done ?? false,
    }
    const events: Array<AgentEvent.AgentEvent> =
      before === undefined ? [AgentEvent.toolCallStart(id, nameOf(call.fields))] : []
    const { status } = call.fields
    const begun = needsPermission || status === "in_progress" || isDone(status)
    if (begun && (needsPermission || hasInput(call.fields) || isDone(status))) {
      const [next, more] = endArguments(call)
      call = next
      events.push(...more)
    }
    events.push(...details(call, update, fields, before))
    const [next, more] = addResult(call)
    events.push(...more)
    calls.set(update.toolCallId, next)
    return [events, next]
  }

  return {
    on: (update: ToolCall): Events => apply(update, false)[0],
    /** The events of a call that needs permission, and its state. */
    onPermissionRequest: (update: ToolCall) => {
      // A request for permission has its own title, and its status says nothing about the progress of the call.
      const before = calls.get(update.toolCallId)
      const { status: _, ...question } = update
      return apply(before === undefined ? question : { ...question, title: before.fields.title }, true)
    },
    /** The results of unfinished calls, which the cancelled agent will not finish. */
    cancel: (excluded: ReadonlySet<string>): Events =>
      Array.from(calls.values()).flatMap((call) => {
        if (call.done || excluded.has(call.toolCallId)) return []
        const [next, events] = endArguments(call)
        calls.set(call.toolCallId, { ...next, done: true })
        return [...events, ControlEvents.cancelledCall(call)]
      }),
    /** Ends the calls whose arguments are still open. */
    close: (): Events =>
      Array.from(calls.values()).flatMap((call) => {
        const [next, events] = endArguments(call)
        calls.set(call.toolCallId, next)
        return events
      }),
  }
}
