/**
 * A run's log as a response of OpenAI: its items, and the events of its stream. Both are of this fold, so they agree.
 *
 * `sequence_number` is the place in the fold, so a stream that was left continues by folding the log again. What an agent below this
 * one says is not shown. The fold takes the log as `AgUiView` repairs it. A response has the newest items that there is room for; its stream
 * has the deltas of all.
 */
import { type AgentEvent, Page, type Run, type RunLog } from "@runlease/core"
import * as AgUiView from "@runlease/http/AgUiView"
import * as Log from "@runlease/http/face/Log"
import { DateTime, Predicate } from "effect"
import {
  type Item,
  outputText,
  type Progress,
  type Response,
  type Settings,
  type StreamEvent,
  type Usage,
} from "./Protocol.js"

/** The tokens of a response. */
const zero: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens_details: { reasoning_tokens: 0 },
}

const count = (value: unknown): number => (typeof value === "number" ? value : 0)

/** With what the event that ends a part of a run reports. */
const plus = (before: Usage | null, reported: unknown): Usage | null => {
  const reports = (Array.isArray(reported) ? reported : [reported]).filter(Predicate.isRecord)
  return reports.reduce<Usage | null>((sum, report) => {
    const last = sum ?? zero
    const input_tokens = last.input_tokens + count(report["inputTokens"])
    const output_tokens = last.output_tokens + count(report["outputTokens"])
    const cached = last.input_tokens_details.cached_tokens + count(report["cachedInputTokens"])
    const reasoning = last.output_tokens_details.reasoning_tokens + count(report["reasoningTokens"])
    return {
      input_tokens,
      output_tokens,
      total_tokens: input_tokens + output_tokens,
      input_tokens_details: { cached_tokens: cached },
      output_tokens_details: { reasoning_tokens: reasoning },
    }
  }, before)
}

// A response before its run has begun.

/** Seconds since 1970. */
const seconds = (time: DateTime.Utc): number => Math.floor(DateTime.toEpochMillis(time) / 1000)

const toolOf = (tool: unknown): object => ({
  description: null,
  parameters: null,
  strict: true,
  ...(Predicate.isRecord(tool) ? tool : {}),
})

/** The response that a run is, by its request. */
export const of = (
  { createdAt, runId }: Pick<Run.Run, "createdAt" | "runId">,
  settings: Settings,
): Response => ({
  id: runId,
  object: "response",
  created_at: seconds(createdAt),
  completed_at: null,
  status: "queued",
  incomplete_details: null,
  model: settings.model,
  previous_response_id: settings.previous_response_id ?? null,
  instructions: settings.instructions ?? null,
  output: [],
  error: null,
  tools: (settings.tools ?? []).map(toolOf),
  tool_choice: settings.tool_choice ?? "auto",
  truncation: settings.truncation ?? "disabled",
  parallel_tool_calls: settings.parallel_tool_calls ?? true,
  text: { format: { type: "text" }, ...settings.text },
  top_p: settings.top_p ?? 1,
  presence_penalty: settings.presence_penalty ?? 0,
  frequency_penalty: settings.frequency_penalty ?? 0,
  top_logprobs: settings.top_logprobs ?? 0,
  temperature: settings.temperature ?? 1,
  reasoning: settings.reasoning === undefined ? null : { effort: null, summary: null, ...settings.reasoning },
  usage: null,
  max_output_tokens: settings.max_output_tokens ?? null,
  max_tool_calls: settings.max_tool_calls ?? null,
  store: settings.store ?? true,
  background: settings.background ?? false,
  service_tier: "default",
  metadata: settings.metadata ?? {},
  safety_identifier: settings.safety_identifier ?? null,
  prompt_cache_key: settings.prompt_cache_key ?? null,
})

// The events of one item in a stream, by the type of the item.

/** An event without its place in the stream. */
interface Unnumbered {
  readonly type: string
  readonly [field: string]: unknown
}

const place = (index: number, item: Item) => ({ item_id: item.id, output_index: index })

/** The item with more text, or more of its arguments. */
const extended = (item: Item, delta: string): Item => {
  switch (item.type) {
    case "message":
      return { ...item, content: item.content.map((part) => ({ ...part, text: part.text + delta })) }
    case "reasoning":
      return { ...item, content: item.content.map((part) => ({ ...part, text: part.text + delta })) }
    case "function_call":
      return { ...item, arguments: item.arguments + delta }
    case "function_call_output":
      return item
  }
}

/** An item begins without its part, which a separate event adds. */
export const begun = (index: number, item: Item): ReadonlyArray<Unnumbered> => {
  const added = { type: "response.output_item.added", output_index: index }
  if (item.type !== "message" && item.type !== "reasoning") return [{ ...added, item }]
  const [part] = item.content
  return [
    { ...added, item: { ...item, content: [] } },
    { type: "response.content_part.added", ...place(index, item), content_index: 0, part },
  ]
}

const deltaEvent = (index: number, item: Item, text: string): Unnumbered => {
  const at = place(index, item)
  switch (item.type) {
    case "message":
      return { type: "response.output_text.delta", ...at, content_index: 0, delta: text, logprobs: [] }
    case "reasoning":
      return { type: "response.reasoning_text.delta", ...at, content_index: 0, delta: text }
    default:
      return { type: "response.function_call_arguments.delta", ...at, delta: text }
  }
}

const contentEnded = (index: number, item: Item): ReadonlyArray<Unnumbered> => {
  const at = place(index, item)
  if (item.type === "function_call_output") return []
  if (item.type === "function_call") {
    const { arguments: args, name } = item
    return [{ type: "response.function_call_arguments.done", ...at, name, arguments: args }]
  }
  const [part] = item.content
  const content = { ...at, content_index: 0 }
  const text = { ...content, text: part?.text ?? "" }
  return [
    item.type === "message"
      ? { type: "response.output_text.done", ...text, logprobs: [] }
      : { type: "response.reasoning_text.done", ...text },
    { type: "response.content_part.done", ...content, part },
  ]
}

export const ended = (index: number, item: Item): ReadonlyArray<Unnumbered> => [
  ...contentEnded(index, item),
  { type: "response.output_item.done", output_index: index, item },
]

type Event = AgentEvent.LogEvent

/** An event of the log, and when it came. */
type Entry = Pick<RunLog.LogEntry, "event" | "createdAt">

export interface ResponseFold {
  /** What a stream begins with. */
  readonly opening: () => ReadonlyArray<StreamEvent>
  /** What to send for the next event of the log. */
  readonly next: (entry: Entry) => ReadonlyArray<StreamEvent>
  readonly response: () => Response
}

/** Whether a stream ends with this status: nothing more comes before someone says something, or at all. */
export const isSettled = ({ status }: Pick<Progress, "status">): boolean =>
  status !== "queued" && status !== "in_progress"

/** Whether items of a response, or a part of one, had no room in it. */
export const isShortened = (response: Response): boolean => response["omitted_bytes"] !== undefined

const string = (value: unknown): string => (typeof value === "string" ? value : "")

/** An item that is open. `begun`: as it was when it began, for one that is left out. */
interface Open {
  readonly index: number
  readonly begun: Item
}

/** An item that the response has room for. `id`: the message or tool call of the log that it is. */
interface Placed {
  readonly id: string
  readonly item: Item
  /** Its attempt has died: the next one sends it anew. */
  readonly isSuperseded: boolean
}

/** The most bytes of JSON that the items of a response take. */
export const maxBytes = Page.maxPageBytes

/**
 * The fold of a log that has not begun. `first`: the response before that. `most`: the most bytes of JSON that its items take; a response
 * without its oldest items, or with a part of the only one, has `omitted_bytes`.
 */
export const make = (first: Response, most = maxBytes): ResponseFold => {
  const view = AgUiView.make({ runId: first.id, threadId: first.id })
  let sequence = 0
  let progress: Omit<Progress, "output"> = first
  /** A response that waits for tools of its client is complete; how its run ends then is no part of it. */
  let isFinal = false
  /** The items by their place in the stream, and how many there were. */
  const items = new Map<number, Placed>()
  let count = 0
  /** The places of the items of a message or call of the log. */
  const places = new Map<string, Set<number>>()
  const open = new Map<string, Open>()
  /** The messages that were left out, and that no attempt after theirs sends anew. */
  const omittedMessages = new Set<string>()
  const room = Log.newest<number>(most, (index) => {
    const { id, isSuperseded, item } = items.get(index)!
    if (item.type === "message" && !isSuperseded) omittedMessages.add(id)
    items.delete(index)
    const others = places.get(id)
    others?.delete(index)
    if (others?.size === 0) places.delete(id)
  })

  const response = (): Response => {
    const shown = [...items.values()].filter(
      ({ isSuperseded }) => progress.status !== "completed" || !isSuperseded,
    )
    const omitted = room.omitted()
    return {
      ...first,
      ...progress,
      output: shown.map(({ item }) => item),
      ...(omitted === 0 ? {} : { omitted_bytes: omitted }),
    }
  }

  const event = ({ type, ...fields }: Unnumbered): StreamEvent => ({
    type,
    sequence_number: sequence++,
    ...fields,
  })

  const whole = (type: string): StreamEvent => event({ type: `response.${type}`, response: response() })

  const begin = (key: string, id: string, item: Item): ReadonlyArray<StreamEvent> => {
    const index = count++
    items.set(index, { id, item, isSuperseded: false })
    const others = places.get(id)
    if (others === undefined) places.set(id, new Set([index]))
    else others.add(index)
    open.set(key, { index, begun: item })
    room.add(index, Log.sizeOf(item))
    return begun(index, item).map(event)
  }

  const end = (key: string, status: "completed" | "incomplete" = "completed"): ReadonlyArray<StreamEvent> => {
    const found = open.get(key)
    if (found === undefined) return []
    open.delete(key)
    const { begun, index } = found
    const placed = items.get(index)
    const isWhole = placed !== undefined && !room.isCut(index)
    const item: Item = { ...(placed?.item ?? begun), status: isWhole ? status : "incomplete" }
    if (placed !== undefined) items.set(index, { ...placed, item })
    return ended(index, item).map(event)
  }

  const add = (key: string, delta: string): ReadonlyArray<StreamEvent> => {
    const found = open.get(key)
    if (found === undefined || delta === "") return []
    const { begun, index } = found
    const fitting = room.extend(index, delta)
    const placed = items.get(index)
    if (placed !== undefined && fitting !== "") {
      items.set(index, { ...placed, item: extended(placed.item, fitting) })
    }
    return [event(deltaEvent(index, begun, delta))]
  }

  const drop = (id: string): void => {
    omittedMessages.delete(id)
    for (const index of places.get(id) ?? []) {
      const { item } = items.get(index)!
      items.set(index, { id, item: { ...item, status: "incomplete" }, isSuperseded: true })
    }
    places.delete(id)
  }

  const settle = (status: Progress["status"], at: DateTime.Utc, more: Partial<Progress> = {}) => {
    const ends = [...open.keys()].flatMap((key) =>
      end(key, status === "completed" ? "completed" : "incomplete"),
    )
    const completed_at = status === "completed" ? seconds(at) : null
    progress = { ...progress, usage: progress.usage ?? zero, ...more, completed_at, status }
    // The protocol has no event for a cancelled response.
    return [...ends, whole(status === "cancelled" ? "incomplete" : status)]
  }

  const message = (id: string, text: string): Item => ({
    type: "message",
    id,
    status: "in_progress",
    role: "assistant",
    content: [outputText(text)],
  })

  /** The result of a run without a message, as text. */
  const resultEvents = (result: unknown): ReadonlyArray<StreamEvent> => {
    const isSaid =
      omittedMessages.size > 0 ||
      [...items.values()].some(({ isSuperseded, item }) => item.type === "message" && !isSuperseded)
    if (result === undefined || result === null || isSaid) return []
    return [
      ...begin("result", "", message(`msg_${first.id}_result`, "")),
      ...add("result", typeof result === "string" ? result : JSON.stringify(result)),
      ...end("result"),
    ]
  }

  const finish = ({ outcome, result, usage }: Event, at: DateTime.Utc): ReadonlyArray<StreamEvent> => {
    progress = { ...progress, usage: plus(progress.usage, usage) }
    const { pendingToolCallIds, type } = Predicate.isRecord(outcome) ? outcome : {}
    if (type === "cancelled") return settle("cancelled", at)
    if (type === "interrupt") return settle("incomplete", at, { incomplete_details: { reason: "interrupt" } })
    isFinal = Array.isArray(pendingToolCallIds) && pendingToolCallIds.length > 0
    return [...resultEvents(result), ...settle("completed", at)]
  }

  const show = (shown: Event, at: DateTime.Utc): ReadonlyArray<StreamEvent> => {
    const superseded = Log.listedIn(shown)
    if (superseded !== undefined) {
      for (const id of [...superseded.messages, ...superseded.tool_calls]) drop(id)
      return []
    }
    if (shown["subagentRunId"] !== undefined) return []
    const id = string(shown["messageId"])
    const callId = string(shown["toolCallId"])
    switch (shown.type) {
      case "RUN_STARTED":
        progress = { ...progress, status: "in_progress", incomplete_details: null, completed_at: null }
        return [whole("in_progress")]
      case "TEXT_MESSAGE_START":
        return (shown["role"] ?? "assistant") === "assistant" ? begin(id, id, message(id, "")) : []
      case "TEXT_MESSAGE_CONTENT":
        return add(id, string(shown["delta"]))
      case "TEXT_MESSAGE_END":
        return end(id)
      case "REASONING_MESSAGE_START":
        return begin(`r:${id}`, id, {
          type: "reasoning",
          id,
          status: "in_progress",
          summary: [],
          content: [{ type: "reasoning_text", text: "" }],
        })
      case "REASONING_MESSAGE_CONTENT":
        return add(`r:${id}`, string(shown["delta"]))
      case "REASONING_MESSAGE_END":
        return end(`r:${id}`)
      case "TOOL_CALL_START":
        return begin(`c:${callId}`, callId, {
          type: "function_call",
          id: `fc_${callId}`,
          status: "in_progress",
          call_id: callId,
          name: string(shown["toolCallName"]),
          arguments: "",
        })
      case "TOOL_CALL_ARGS":
        return add(`c:${callId}`, string(shown["delta"]))
      case "TOOL_CALL_END":
        return end(`c:${callId}`)
      case "TOOL_CALL_RESULT": {
        const { content } = shown
        const output = typeof content === "string" ? content : JSON.stringify(content)
        const item: Item = {
          type: "function_call_output",
          id: `fco_${callId}`,
          status: "in_progress",
          call_id: callId,
          output,
        }
        return [...begin(`o:${callId}`, callId, item), ...end(`o:${callId}`)]
      }
      case "RUN_ERROR": {
        progress = { ...progress, usage: plus(progress.usage, shown["usage"]) }
        const code = string(shown["code"]) || "server_error"
        return settle("failed", at, {
          error: { code, message: string(shown["message"]) || "The run failed" },
        })
      }
      case "RUN_FINISHED":
        return finish(shown, at)
      default:
        return []
    }
  }

  return {
    opening: () => [whole("created"), ...(first.background ? [whole("queued")] : [])],
    next: ({ createdAt, event: logged }) =>
      view(logged).flatMap((shown) => (isFinal ? [] : show(shown, createdAt))),
    response,
  }
}
