/**
 * A run's log as the UI message stream that a page of the AI SDK takes: `useChat` with its `DefaultChatTransport`.
 *
 * It is made of the AG-UI view of the same log, so what that repairs is not repaired again. One stream is one message: from a place of the
 * log where nothing is open, until the run ends or waits for its page.
 *
 * Source: `processUIMessageStream` of npm `ai` 7.0.173, docs/decisions/0110-ai-sdk.md
 */
import {
  AgentEvent,
  ControlEvents,
  InboxMessage,
  Interrupt,
  type RequestSnapshot,
  RunLog,
  StepRecord,
} from "@runlease/core"
import * as AgUiView from "@runlease/http/AgUiView"
import * as Log from "@runlease/http/face/Log"
import { Either, Option, Predicate } from "effect"
import * as Chunks from "./Chunk.js"
import { type Chunk, data, transient } from "./Chunk.js"
import * as OlderSdk from "./OlderSdk.js"
import * as Questions from "./Questions.js"
import * as Steps from "./Steps.js"
import * as ToolInputs from "./ToolInputs.js"

// Events of AG-UI for which the AI SDK has no part, as data parts; and messages to a run that works.

const partOf = (part: RequestSnapshot.MessagePart): ReadonlyArray<Chunk> => {
  const { filename, mediaType, text, type, url } = part
  if (type === "text" && typeof text === "string") return [{ type, text }]
  return type === "file" && typeof mediaType === "string" && typeof url === "string"
    ? [{ type, mediaType, url, ...(typeof filename === "string" ? { filename } : {}) }]
    : []
}

/** A message to the run that works: its texts and files. */
export const steering = ({ id, key, parts }: InboxMessage.InboxMessage): ReadonlyArray<Chunk> => [
  { type: "steering-message", id: key ?? id, parts: parts.flatMap(partOf) },
]

/** Whether an event of the view reports a failure: the result of a call, or the end of a step. */
export const isError = ({ metadata }: Chunk): boolean =>
  Predicate.isRecord(metadata) && metadata["runlease.isError"] === true

/** Data of the page. A start and an end of reasoning as a whole say nothing that its parts do not. */
const ofExtra = (event: Chunk): ReadonlyArray<Chunk> => {
  const { type, ...fields } = event
  switch (type) {
    case "REASONING_START":
    case "REASONING_END":
      return []
    case "STEP_STARTED":
      return [transient("step", { ...fields, status: "started" })]
    case "STEP_FINISHED":
      return [transient("step", { ...fields, status: isError(event) ? "failed" : "finished" })]
    case "SUBAGENT_STARTED":
      return [data("subagent", { ...fields, status: "started" }, { id: String(fields["subagentRunId"]) })]
    case "SUBAGENT_FINISHED":
      return [data("subagent", { ...fields, status: "finished" }, { id: String(fields["subagentRunId"]) })]
    case "SUBAGENT_ERROR":
      return [data("subagent", { ...fields, status: "failed" }, { id: String(fields["subagentRunId"]) })]
    case "ACTIVITY_SNAPSHOT":
      return [data("activity", fields, { id: String(fields["messageId"]) })]
    case "REASONING_ENCRYPTED_VALUE":
      return [data("encrypted", fields, { id: String(fields["entityId"]) })]
    default:
      return [transient(type.toLowerCase().replaceAll("_", "-"), fields)]
  }
}

// The events of messages, of reasoning and of calls, as the chunks of one part each.

type Event = Chunk

/** A part of the message that streams text. A part that was removed does not continue. */
const ofText = (kind: Steps.Kind, event: Event, steps: Steps.Steps): ReadonlyArray<Chunk> => {
  const id = Chunks.text(event["messageId"])
  const { role, subagentRunId } = event
  const place = event.type.slice(event.type.lastIndexOf("_") + 1)
  if (place === "START") {
    const other = kind === "reasoning" || role === "assistant" ? undefined : role
    return [
      ...steps.beginMessage(kind, id),
      { type: `${kind}-start`, id, ...Chunks.ours({ role: other, subagentRunId }) },
    ]
  }
  if (steps.isRemoved(kind, id)) return []
  if (place === "CONTENT") return [{ type: `${kind}-delta`, id, delta: Chunks.text(event["delta"]) }]
  steps.endMessage(kind, id)
  return [{ type: `${kind}-end`, id }]
}

/** `made`: the calls that the page has made. */
const ofCall = (
  event: Event,
  steps: Steps.Steps,
  inputs: ToolInputs.ToolInputs,
  made: ReadonlySet<string>,
): ReadonlyArray<Chunk> => {
  const toolCallId = Chunks.text(event["toolCallId"])
  if (event.type === "TOOL_CALL_START") {
    const toolName = Chunks.text(event["toolCallName"])
    const { subagentRunId } = event
    inputs.start(toolCallId, toolName)
    return [
      ...steps.beginCall(toolCallId),
      { type: "tool-input-start", toolCallId, toolName, ...Chunks.ours({ subagentRunId }) },
    ]
  }
  if (steps.placeOf(toolCallId) === "removed") return []
  if (event.type === "TOOL_CALL_ARGS") {
    const inputTextDelta = Chunks.text(event["delta"])
    inputs.add(toolCallId, inputTextDelta)
    return [{ type: "tool-input-delta", toolCallId, inputTextDelta }]
  }
  steps.endInput(toolCallId)
  const whole = inputs.end(toolCallId)
  if (whole.type === "tool-input-error") steps.answered(toolCallId)
  else if (made.has(toolCallId)) return ToolInputs.made(whole)
  return [whole]
}

/** The chunks of an event; undefined where it is of none of these. */
const ofItem = (
  event: Event,
  steps: Steps.Steps,
  inputs: ToolInputs.ToolInputs,
  made: ReadonlySet<string>,
): ReadonlyArray<Chunk> | undefined => {
  switch (event.type) {
    case "TEXT_MESSAGE_START":
    case "TEXT_MESSAGE_CONTENT":
    case "TEXT_MESSAGE_END":
      return ofText("text", event, steps)
    case "REASONING_MESSAGE_START":
    case "REASONING_MESSAGE_CONTENT":
    case "REASONING_MESSAGE_END":
      return ofText("reasoning", event, steps)
    case "TOOL_CALL_START":
    case "TOOL_CALL_ARGS":
    case "TOOL_CALL_END":
      return ofCall(event, steps, inputs, made)
    default:
      return undefined
  }
}

/**
 * The state that an agent shares with its page, as data parts: each patch is shown once, and the whole state is a part of the message.
 *
 * The whole state comes with each snapshot and where a step or the stream ends, so that many patches of a large state cost no more than
 * themselves.
 */
interface SharedState {
  readonly set: (snapshot: unknown) => ReadonlyArray<Chunk>
  readonly change: (patch: unknown) => ReadonlyArray<Chunk>
  /** The whole state, if the page has an older one. */
  readonly whole: () => ReadonlyArray<Chunk>
  /** The step that may have the part is removed. */
  readonly reset: () => void
  readonly copy: () => SharedState
}

const ofState = (initial: Log.Sized | undefined, changed: boolean): SharedState => {
  let state = initial
  let isStale = changed
  const part = (): ReadonlyArray<Chunk> => {
    isStale = false
    return state === undefined ? [] : [data("state", state.value, { id: "state" })]
  }
  return {
    set: (value) => {
      const bytes = Log.sizeOf(value)
      state = bytes > RunLog.maxReadBytes ? undefined : { value, bytes }
      return state === undefined ? [transient("state-snapshot", value)] : part()
    },
    change: (patch) => {
      state = Log.apply(state ?? { value: {}, bytes: 0 }, patch, RunLog.maxReadBytes)
      isStale = true
      return [transient("state-delta", patch)]
    },
    whole: () => (isStale ? part() : []),
    reset: () => {
      isStale = state !== undefined
    },
    copy: () => ofState(state, isStale),
  }
}

/** No state. */
const sharedState = (): SharedState => ofState(undefined, false)

/**
 * `messageId`: of the message of the page, the same in each stream of it. `goesOn`: the page has the beginning of the message. `restated`:
 * that beginning, for a page that may not have it. `version`: of the SDK of the page, 7 when absent. `answered`: the earlier answers to the run, each in the part of the log with its question or, where the page has that part, here.
 */
export interface Subject {
  readonly runId: string
  readonly messageId: string
  readonly goesOn: boolean
  readonly restated?: ReadonlyArray<Chunk>
  readonly answered: ReadonlyArray<Questions.Answered>
  readonly version?: OlderSdk.Version | undefined
}

/** As `AgUiView.Fold`. `isEnd`: the stream ends with the event. */
export interface Fold {
  readonly next: (event: Event, isEnd: boolean) => ReadonlyArray<Chunk>
  readonly copy: () => Fold
}

interface State {
  readonly view: AgUiView.Fold
  readonly steps: Steps.Steps
  readonly inputs: ToolInputs.ToolInputs
  readonly shared: SharedState
  readonly denied: ReadonlySet<string>
  readonly begun: boolean
}

const interruptsOf = ({ outcome }: Event): ReadonlyArray<Interrupt.Interrupt> =>
  Predicate.isRecord(outcome) && outcome["type"] === "interrupt"
    ? Either.getOrElse(Interrupt.fromEvent(outcome["interrupts"]), () => [])
    : []

const outcomeType = ({ outcome }: Event): unknown =>
  Predicate.isRecord(outcome) ? outcome["type"] : undefined

const usageOf = ({ usage }: Event): object => (Array.isArray(usage) ? { usage } : {})

const foldFrom = (subject: Subject, from: State): Fold => {
  const { inputs, shared, steps, view } = from
  const { restated = [], version = "7" } = subject
  const made = Questions.madeIn(subject.answered)
  let { begun, denied } = from

  const deny = (toolCallId: string): void => {
    denied = new Set([...denied, toolCallId])
  }

  const begin = (): ReadonlyArray<Chunk> => {
    if (begun) return []
    begun = true
    const start = {
      type: "start",
      messageId: subject.messageId,
      messageMetadata: { runId: subject.runId },
    }
    if (!subject.goesOn) return [start, ...restated]
    for (const one of subject.answered) if (Questions.isDenied(one)) deny(Questions.callOf(one.interrupt))
    return [start, ...subject.answered.flatMap(Questions.settled)]
  }

  const ofResult = (event: Event): ReadonlyArray<Chunk> => {
    const toolCallId = Chunks.text(event["toolCallId"])
    const place = steps.placeOf(toolCallId)
    // Its attempt was removed: the page has no such call.
    if (place === "removed") return []
    const call =
      place === "unknown" && !subject.goesOn && restated.length === 0
        ? [
            ...steps.beginCall(toolCallId),
            { type: "tool-input-available", toolCallId, toolName: "unknown", input: {} },
          ]
        : []
    steps.answered(toolCallId)
    const failed = isError(event)
    const isDenied = failed && denied.has(toolCallId)
    return [...call, ToolInputs.result(toolCallId, event["content"], { isDenied, isError: failed })]
  }

  const ofAttempt = (event: Event): ReadonlyArray<Chunk> => {
    const reset = steps.superseded(Log.listedIn(event))
    if (reset.length > 0) shared.reset()
    return [...reset, ...shared.whole(), Chunks.transient(String(event["name"]), event["value"])]
  }

  const ofCustom = (event: Event): ReadonlyArray<Chunk> => {
    const message = Option.getOrUndefined(InboxMessage.fromEvent(event))
    if (message !== undefined) return steering(message)
    const name = String(event["name"])
    // Our data about a run is no part of the conversation.
    return [
      AgentEvent.isReserved(event)
        ? Chunks.transient(name, event["value"])
        : Chunks.custom(name, event["value"]),
    ]
  }

  const askAll = (interrupts: ReadonlyArray<Interrupt.Interrupt>): ReadonlyArray<Chunk> =>
    interrupts.flatMap((interrupt) => {
      const toolCallId = Questions.callOf(interrupt)
      const isShown = steps.placeOf(toolCallId) === "shown"
      const isOwn = interrupt.toolCallId === undefined
      return [
        ...(isShown ? [] : steps.beginCall(toolCallId)),
        ...Questions.present(interrupt, isShown && !isOwn, made.has(toolCallId)),
      ]
    })

  /** The page has answered, and the run has gone on. */
  const goOn = (interrupts: ReadonlyArray<Interrupt.Interrupt>): ReadonlyArray<Chunk> => {
    const answers = interrupts.flatMap((interrupt) =>
      subject.answered.filter((one) => one.interrupt.id === interrupt.id).slice(-1),
    )
    for (const one of answers) {
      const toolCallId = Questions.callOf(one.interrupt)
      if (Questions.isDenied(one)) deny(toolCallId)
      if (Questions.kindOf(one.interrupt) !== "approval") steps.answered(toolCallId)
    }
    steps.separate()
    return answers.flatMap(Questions.answerChunks)
  }

  const finish = (logged: Event, isEnd: boolean): ReadonlyArray<Chunk> => {
    const interrupts = interruptsOf(logged)
    const requests = askAll(interrupts)
    if (!isEnd) return [...requests, ...goOn(interrupts)]
    const type = outcomeType(logged)
    // A run that has ended may leave calls to its page.
    const waits = type === "interrupt" || (type === "success" && steps.hasOpenCalls())
    const finishReason = waits ? "tool-calls" : "stop"
    return [
      ...requests,
      ...shared.whole(),
      ...steps.end(!waits),
      // A page takes up the step that ends the message with the metadata, not with the step.
      { type: "message-metadata", messageMetadata: { runId: subject.runId, ...usageOf(logged) } },
      type === "cancelled"
        ? { type: "abort", reason: "The run was cancelled" }
        : { type: "finish", finishReason },
      Chunks.done,
    ]
  }

  const of = (event: Event, logged: Event, isEnd: boolean): ReadonlyArray<Chunk> => {
    switch (event.type) {
      case "RUN_STARTED":
        return begin()
      case "RUN_FINISHED":
        return finish(logged, isEnd)
      case "RUN_ERROR":
        return [
          ...shared.whole(),
          ...steps.end(false),
          { type: "error", errorText: Chunks.text(event["message"]) },
          ...(isEnd ? [Chunks.done] : []),
        ]
      case "TOOL_CALL_RESULT":
        return ofResult(event)
      case "STATE_SNAPSHOT":
        return shared.set(event["snapshot"])
      case "STATE_DELTA":
        return shared.change(event["delta"])
      case "CUSTOM":
        return ControlEvents.endsAttempt(event) ? ofAttempt(event) : ofCustom(event)
      case "STEP_STARTED":
      case "STEP_FINISHED":
        return ofExtra(event)
      default:
        return ofItem(event, steps, inputs, made) ?? ofExtra(event)
    }
  }

  return {
    next: (logged, isEnd) => {
      if (StepRecord.isReserved(logged)) steps.recorded(Log.recordedIn(logged))
      const chunks = view.next(logged).flatMap((event) => of(event, logged, isEnd))
      return version === "7" ? chunks : chunks.flatMap((chunk) => OlderSdk.of(version, chunk))
    },
    copy: () =>
      foldFrom(subject, {
        view: view.copy(),
        steps: steps.copy(),
        inputs: inputs.copy(),
        shared: shared.copy(),
        denied,
        begun,
      }),
  }
}

/** The view of a log that has not begun, or of a part of one that has not. */
export const fold = (subject: Subject, options: Pick<AgUiView.Options, "toEvent"> = {}): Fold =>
  foldFrom(subject, {
    view: AgUiView.fold({ runId: subject.runId, threadId: "" }, options),
    steps: Steps.make(subject.goesOn || subject.restated !== undefined),
    inputs: ToolInputs.make(),
    shared: sharedState(),
    denied: new Set(),
    begun: false,
  })
