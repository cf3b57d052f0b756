/**
 * A run's log as the UI message stream that a page of the AI SDK takes: `useChat` with its `DefaultChatTransport`.
 *
 * It is made of the AG-UI view of the same log, so what that repairs is not repaired again. One stream is one message: from a place of the
 * log where nothing is open, until the run ends or waits for its page.
 *
 * Source: `processUIMessageStream` of npm `ai` 7.0.173, docs/decisions/0110-ai-sdk.md
 */
import { AgentEvent, ControlEvents, InboxMessage, Interrupt, StepRecord } from "@runlease/core"
import * as AgUiView from "@runlease/http/AgUiView"
import * as Log from "@runlease/http/face/Log"
import { Either, Option, Predicate } from "effect"
import * as Chunks from "./Chunk.js"
import type { Chunk } from "./Chunk.js"
import * as Extras from "./Extras.js"
import * as Items from "./Items.js"
import * as OlderSdk from "./OlderSdk.js"
import * as Questions from "./Questions.js"
import * as SharedState from "./SharedState.js"
import * as Steps from "./Steps.js"
import * as ToolInputs from "./ToolInputs.js"

type Event = Chunk

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
  readonly shared: SharedState.SharedState
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
    const failed = Extras.isError(event)
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
    if (message !== undefined) return Extras.steering(message)
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
        ...Questions.present(interrupt, isShown && !isOwn),
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
        return Extras.of(event)
      default:
        return Items.of(event, steps, inputs) ?? Extras.of(event)
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
    shared: SharedState.make(),
    denied: new Set(),
    begun: false,
  })
