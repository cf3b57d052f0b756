/**
 * A run's log as a task of A2A: the agent's messages are artifacts, its question is the message of the status.
 *
 * Each message of the agent is a separate artifact, and the result of the run is one more. Tool calls and reasoning are the
 * agent's own affair and are not shown. The fold takes the log as `AgUiView` repairs it. It has what a task has room for: `maxBytes` of
 * artifacts and `maxBytes` of messages, the newest.
 */
import { type AgentEvent, InboxMessage, Page, type RunLog } from "@runlease/core"
import * as JsonText from "@runlease/core/JsonText"
import * as AgUiView from "@runlease/http/AgUiView"
import * as Log from "@runlease/http/face/Log"
import { DateTime, Option, Predicate } from "effect"
import * as Parts from "./Parts.js"
import type { Artifact, StreamResponse, TaskMessage, TaskState, TaskStatus } from "./Protocol.js"

type Event = AgentEvent.LogEvent

/** An event of the log, and when it came. */
type Entry = Pick<RunLog.LogEntry, "event" | "createdAt">

/** The most bytes of JSON that the artifacts of a task take, and the most that its messages do. */
export const maxBytes = Page.maxPageBytes

export interface TaskFold {
  /** What to send for the next event of the log. */
  readonly next: (entry: Entry) => ReadonlyArray<StreamResponse>
  readonly artifacts: () => ReadonlyArray<Artifact>
  /** The messages that the task has received since it began. */
  readonly received: () => ReadonlyArray<TaskMessage>
  /** About how many bytes of artifacts and received messages were left out, the oldest. */
  readonly omitted: () => number
  /** By the log; undefined before the run has begun. */
  readonly status: () => TaskStatus | undefined
}

/** The artifact that has the value of the run. */
const resultId = "result"

const ended: ReadonlySet<TaskState> = new Set<TaskState>([
  "TASK_STATE_COMPLETED",
  "TASK_STATE_FAILED",
  "TASK_STATE_CANCELED",
  "TASK_STATE_REJECTED",
])

export const isTerminal = (state: TaskState): boolean => ended.has(state)

/** Whether a stream ends with this state: nothing more comes until the client says something, or at all. */
export const isSettled = (state: TaskState): boolean =>
  isTerminal(state) || state === "TASK_STATE_INPUT_REQUIRED"

const string = (value: unknown): string => (typeof value === "string" ? value : "")

const records = (value: unknown): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  Array.isArray(value) ? value.filter(Predicate.isRecord) : []

/** The questions of a run as one message: their texts, and all of them as data. */
const questionParts = (interrupts: ReadonlyArray<Readonly<Record<string, unknown>>>) => [
  ...interrupts.map((interrupt) => ({
    text: string(interrupt["message"]) || `The agent waits for an answer to ${string(interrupt["id"])}`,
  })),
  { data: { interrupts }, mediaType: "application/json" },
]

const stateOf = (event: Event): TaskState => {
  if (event.type === "RUN_ERROR") return "TASK_STATE_FAILED"
  const outcome = Predicate.isRecord(event["outcome"]) ? event["outcome"]["type"] : undefined
  if (outcome === "interrupt") return "TASK_STATE_INPUT_REQUIRED"
  return outcome === "cancelled" ? "TASK_STATE_CANCELED" : "TASK_STATE_COMPLETED"
}

/** The fold of a log that has not begun. */
export const make = (place: Parts.Place): TaskFold => {
  const view = AgUiView.make({ runId: place.taskId, threadId: place.contextId }, { peer: "durable" })
  /** The messages of the agent, and whether a part of their text was sent. */
  const begun = new Map<string, boolean>()
  /** Their texts, in the order of their starts, as far as there is room. */
  const texts = new Map<string, string>()
  const room = Log.newest<string>(maxBytes, (id) => texts.delete(id))
  const received = Log.newest<TaskMessage>(maxBytes)
  let result: Artifact | undefined
  let status: TaskStatus | undefined

  const textArtifact = (artifactId: string, text: string, metadata?: object): Artifact => ({
    artifactId,
    parts: [{ text, mediaType: "text/plain" }],
    ...(metadata === undefined ? {} : { metadata }),
  })

  const update = (artifact: Artifact, append: boolean, lastChunk: boolean): StreamResponse => ({
    artifactUpdate: { ...place, artifact, append, lastChunk },
  })

  const become = (
    state: TaskState,
    at: DateTime.Utc,
    message?: TaskMessage,
  ): ReadonlyArray<StreamResponse> => {
    status = { state, timestamp: DateTime.formatIso(at), ...(message === undefined ? {} : { message }) }
    return [{ statusUpdate: { ...place, status } }]
  }

  const agentMessage = (messageId: string, parts: TaskMessage["parts"]): TaskMessage => ({
    messageId,
    ...place,
    role: "ROLE_AGENT",
    parts,
  })

  /** Takes back what an attempt that is over has said and no record names: the next attempt says it anew. */
  const withdraw = (messages: ReadonlyArray<string>): ReadonlyArray<StreamResponse> =>
    messages
      .filter((id) => begun.delete(id))
      .map((id) => {
        texts.delete(id)
        room.remove(id)
        return update(textArtifact(id, "", { superseded: true }), false, true)
      })

  const finish = (event: Event, at: DateTime.Utc): ReadonlyArray<StreamResponse> => {
    const state = stateOf(event)
    const id = `${place.taskId}-status-${DateTime.toEpochMillis(at)}`
    if (state === "TASK_STATE_INPUT_REQUIRED") {
      const outcome = event["outcome"] as Readonly<Record<string, unknown>>
      return become(state, at, agentMessage(id, questionParts(records(outcome["interrupts"]))))
    }
    if (state === "TASK_STATE_FAILED") {
      return become(state, at, agentMessage(id, [{ text: string(event["message"]) || "The run failed" }]))
    }
    const value = event["result"]
    if (value === undefined || value === null || state !== "TASK_STATE_COMPLETED") return become(state, at)
    room.add(resultId, Log.sizeOf(value))
    result = { artifactId: resultId, name: resultId, parts: [{ data: value, mediaType: "application/json" }] }
    return [update(result, false, true), ...become(state, at)]
  }

  const show = (event: Event, at: DateTime.Utc): ReadonlyArray<StreamResponse> => {
    const superseded = Log.listedIn(event)
    if (superseded !== undefined) return withdraw(superseded.messages)
    if (event.type === "RUN_STARTED") return become("TASK_STATE_WORKING", at)
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") return finish(event, at)
    // The output of a child agent is no output of this one.
    if (event["subagentRunId"] !== undefined) return []
    const id = string(event["messageId"])
    if (event.type === "TEXT_MESSAGE_START" && (event["role"] ?? "assistant") === "assistant") {
      if (begun.has(id)) return []
      begun.set(id, false)
      texts.set(id, "")
      room.add(id, JsonText.sizeOf(id))
      return []
    }
    const isSent = begun.get(id)
    if (isSent === undefined) return []
    if (event.type === "TEXT_MESSAGE_END") {
      return isSent ? [update(textArtifact(id, ""), true, true)] : []
    }
    if (event.type !== "TEXT_MESSAGE_CONTENT") return []
    const delta = string(event["delta"])
    if (delta === "") return []
    begun.set(id, true)
    const fitting = room.extend(id, delta)
    if (fitting !== "") texts.set(id, (texts.get(id) ?? "") + fitting)
    return [update(textArtifact(id, delta), isSent, false)]
  }

  return {
    next: ({ createdAt, event }) => {
      Option.map(InboxMessage.fromEvent(event), ({ id, parts }) => {
        const shown = parts.map(Parts.fromSnapshot)
        received.add({ messageId: id, ...place, role: "ROLE_USER", parts: shown }, Log.sizeOf(shown))
      })
      return view(event).flatMap((one) => show(one, createdAt))
    },
    artifacts: () => [
      ...Array.from(texts, ([id, text]) => (text === "" ? [] : [textArtifact(id, text)])).flat(),
      ...(result === undefined ? [] : [result]),
    ],
    received: received.keys,
    omitted: () => room.omitted() + received.omitted(),
    status: () => status,
  }
}
