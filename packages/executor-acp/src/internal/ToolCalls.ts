/** The tool calls of an agent, each put together from all that was said of it. */
import { AgentEvent, ControlEvents, Json } from "@runlease/core"
import { Predicate } from "effect"
import * as Truncation from "./Truncation.js"
import * as ReportedTerminals from "./ReportedTerminals.js"
import type { ToolCall } from "./SessionUpdate.js"

type Events = ReadonlyArray<AgentEvent.AgentEvent>

/** A call as it is known: what was said last of each thing. */
export interface Known {
  readonly toolCallId: string
  /** The id of the call in the log. */
  readonly id: string
  readonly said: Partial<ToolCall>
  /** The input that the log has, as canonical JSON; undefined while the call is open. */
  readonly input: string | undefined
  readonly done: boolean
}

export const nameOf = ({ kind, name, title }: Partial<ToolCall>): string => name ?? title ?? kind ?? "tool"

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) && value.length === 0) ||
  (Predicate.isRecord(value) && Object.keys(value).length === 0)

/** An empty list takes back the one before it. */
const takesBack = (value: unknown, before: unknown): boolean =>
  Array.isArray(value) && value.length === 0 && !isEmpty(before)

/** What an update says of the call, without what it leaves empty: an empty input is one that is still being written. */
const saidBy = (call: ToolCall, before: Partial<ToolCall> | undefined): Partial<ToolCall> => {
  const { content, locations } = before ?? {}
  const lists: Readonly<Record<string, unknown>> = { content, locations }
  return Object.fromEntries(
    Object.entries(call).filter(
      ([key, value]) =>
        key !== "sessionUpdate" && key !== "_meta" && (!isEmpty(value) || takesBack(value, lists[key])),
    ),
  )
}

export const hasInput = (call: Partial<ToolCall>): boolean => !isEmpty(call.rawInput)

const isDone = (status: string | null | undefined): boolean => status === "completed" || status === "failed"

/** The output of a terminal, undefined for one that is not known. */
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

/** The result as text: what the agent shows of it, or else what its tool gave. */
const resultOf = ({ content, rawOutput }: Partial<ToolCall>, output: TerminalOutput): string => {
  const shown = (content ?? []).flatMap((part) => textOf(part, output))
  if (shown.length > 0) return shown.join("\n")
  const raw = rawOutput ?? (isEmpty(content) ? "" : content)
  return typeof raw === "string" ? raw : (JSON.stringify(raw) ?? "")
}

export interface Options {
  /** What makes the ids of tool calls differ from those of other runs and attempts. */
  readonly suffix: string
  readonly terminalOutput: TerminalOutput
}

export const make = ({ suffix, terminalOutput }: Options) => {
  const calls = new Map<string, Known>()
  const reported = ReportedTerminals.make()

  const args = (call: Known): readonly [Known, Events] => {
    if (call.input !== undefined) return [call, []]
    const text = hasInput(call.said) ? JSON.stringify(Truncation.json(call.said.rawInput)) : "{}"
    return [
      { ...call, input: Json.canonicalJson(call.said.rawInput) },
      [AgentEvent.toolCallArgs(call.id, text), AgentEvent.toolCallEnd(call.id)],
    ]
  }

  const result = (call: Known): readonly [Known, Events] => {
    if (call.done || !isDone(call.said.status)) return [call, []]
    const content = Truncation.text(resultOf(call.said, (id) => terminalOutput(id) ?? reported.outputOf(id)))
    const messageId = `${call.id}-result`
    return [
      { ...call, done: true },
      [
        call.said.status === "failed"
          ? AgentEvent.toolCallFailure(messageId, call.id, content)
          : AgentEvent.toolCallResult(messageId, call.id, content, { role: "tool" }),
      ],
    ]
  }

  /**
   * What no event of AG-UI has a place for: content, diffs, places in files, the raw output, another title or kind, what the
   * agent adds of its own, and an input that is not that of the arguments. Arguments cannot be taken back, so a call that has
   * not begun has none yet: its input is told here each time that it changes.
   */
  const details = (
    call: Known,
    update: ToolCall,
    said: Partial<ToolCall>,
    before: Known | undefined,
  ): Events => {
    const { content, locations, rawInput, rawOutput, ...rest } = said
    const known = call.input ?? Json.canonicalJson(before?.said.rawInput)
    const other = rawInput !== undefined && Json.canonicalJson(rawInput) !== known
    const _meta = isEmpty(update._meta) ? undefined : update._meta
    const more = { content, locations, rawOutput, rawInput: other ? rawInput : undefined, _meta }
    const kept = Object.entries(more).filter(([, value]) => value !== undefined)
    const renamed =
      before !== undefined &&
      (["title", "kind", "name"] as const).some((key) => key in said && said[key] !== before.said[key])
    if (kept.length === 0 && !renamed) return []
    const value = { ...rest, toolCallId: call.id, ...Object.fromEntries(kept) }
    return [AgentEvent.custom("acp.tool_call", Truncation.json(value))]
  }

  const take = (update: ToolCall, asked: boolean): readonly [Events, Known] => {
    if (update._meta != null) reported.on(update._meta)
    const before = calls.get(update.toolCallId)
    const said = saidBy(update, before?.said)
    const id = before?.id ?? `${update.toolCallId}${suffix}`
    let call: Known = {
      toolCallId: update.toolCallId,
      id,
      said: { ...before?.said, ...said },
      input: before?.input,
      done: before?.done ?? false,
    }
    const events: Array<AgentEvent.AgentEvent> =
      before === undefined ? [AgentEvent.toolCallStart(id, nameOf(call.said))] : []
    const { status } = call.said
    const begun = asked || status === "in_progress" || isDone(status)
    if (begun && (asked || hasInput(call.said) || isDone(status))) {
      const [next, more] = args(call)
      call = next
      events.push(...more)
    }
    events.push(...details(call, update, said, before))
    const [next, more] = result(call)
    events.push(...more)
    calls.set(update.toolCallId, next)
    return [events, next]
  }

  return {
    on: (update: ToolCall): Events => take(update, false)[0],
    asked: (update: ToolCall) => {
      // A question of permission tells the call in words of its own, and nothing of how far it is.
      const before = calls.get(update.toolCallId)
      const { status: _, ...question } = update
      return take(before === undefined ? question : { ...question, title: before.said.title }, true)
    },
    /** The results of calls that the agent has not done, and does not do since it is cancelled. */
    cancel: (excluded: ReadonlySet<string>): Events =>
      Array.from(calls.values()).flatMap((call) => {
        if (call.done || excluded.has(call.toolCallId)) return []
        const [next, events] = args(call)
        calls.set(call.toolCallId, { ...next, done: true })
        return [...events, ControlEvents.cancelledCall(call)]
      }),
    /** Ends the calls whose arguments never came. */
    close: (): Events =>
      Array.from(calls.values()).flatMap((call) => {
        const [next, events] = args(call)
        calls.set(call.toolCallId, next)
        return events
      }),
  }
}
