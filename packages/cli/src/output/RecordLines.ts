/**
 * What the control plane and the steps of a run write into its log, as sentences: their records are for programs.
 */
import {
  AgentEvent,
  AnswerEvent,
  ControlEvents,
  InboxMessage,
  RequestSnapshot,
  RunEdits,
  StepRecord,
  TokenUsage,
} from "@runlease/core"
import * as ChildEvent from "@runlease/core/ChildEvent"
import * as RetryEvent from "@runlease/store/RetryEvent"
import { Option, Schema, Predicate } from "effect"
import * as Phrases from "./Phrases.js"

export const nameOf = ({ key, name }: StepRecord.StepRecord): string =>
  key === undefined ? name : `${name} ${JSON.stringify(key)}`

const ofStep = ({ kind, record }: StepRecord.EventRecord): string => {
  const name = nameOf(record)
  switch (kind) {
    case "step":
      return record.part === record.parts
        ? `step ${name} is recorded${record.failure === undefined ? "" : ", as a failure"}`
        : `step ${name}: part ${record.part} of ${record.parts}`
    case "intent":
      return `step ${name} begins, at most once`
    case "sleep":
      return record.until === undefined
        ? `step ${name} sleeps for ${Phrases.span(record.duration_ms ?? 0)}`
        : `step ${name} sleeps until ${Phrases.date(record.until)}`
    case "child":
      return `step ${name} has spawned ${record.child_run_id}`
    case "inbox":
      return record.to === undefined || record.to === record.after
        ? `step ${name} has found no message`
        : `step ${name} has received the messages up to ${record.to}`
    case "request":
      return record.refused === true
        ? `the request to a model for step ${name} was refused`
        : `calls a model for step ${name}`
  }
}

const ofChild = ({ agentId, detached, outcome, runId }: ChildEvent.ChildEvent): string =>
  outcome === undefined
    ? `spawned ${detached ? "detached run" : "child"} ${runId} of agent ${agentId}`
    : `child ${runId} of agent ${agentId} has ended: ${outcome.status}${outcome.error === undefined ? "" : `: ${outcome.error.message}`}`

const Attempt = Schema.Struct({
  previous: Schema.Struct({
    attempt: Schema.Number,
    ended: Schema.String,
    reason: Schema.optional(Schema.String),
  }),
  attempt: Schema.optional(Schema.Number),
  worker_id: Schema.optional(Schema.String),
})

const ends: Readonly<Record<string, string>> = {
  lease_expired: "lost its lease",
  released: "was handed back",
  retry: "failed",
}

const ofAttempt = ({ attempt, previous, worker_id }: typeof Attempt.Type): string => {
  const reason = previous.reason === undefined ? "" : `: ${previous.reason}`
  const next =
    worker_id === undefined
      ? ""
      : `; ${attempt === previous.attempt ? "it continues" : `attempt ${attempt} begins`} at worker ${worker_id}`
  return `attempt ${previous.attempt} ${ends[previous.ended] ?? previous.ended}${reason}${next}`
}

const Waiting = Schema.Struct({
  reasons: Schema.Array(Schema.String),
  until: Schema.optional(Schema.DateTimeUtc),
})

const reasons: Readonly<Record<string, string>> = {
  children: "its children",
  message: "a message",
  budget: "a higher budget",
}

const ofWaiting = (waiting: typeof Waiting.Type): string =>
  `waits for ${waiting.reasons
    .map((reason) =>
      reason === "sleep"
        ? waiting.until === undefined
          ? "a time"
          : Phrases.date(waiting.until)
        : (reasons[reason] ?? reason),
    )
    .join(" or ")}`

const ofUsage = ({ inputTokens, model, outputTokens, provider }: TokenUsage.TokenUsage): string => {
  const counts = [
    ...(inputTokens === undefined ? [] : [`${inputTokens} input`]),
    ...(outputTokens === undefined ? [] : [`${outputTokens} output`]),
  ]
  const of = [provider, model].filter((name) => name !== undefined).join("/")
  return `used ${counts.length === 0 ? "an unknown number of" : counts.join(" and ")} tokens${of === "" ? "" : ` of ${of}`}`
}

const ofMessage = ({ number, parts }: InboxMessage.InboxMessage): string =>
  `message ${number}: ${RequestSnapshot.textOf({ id: "", role: "user", parts }) || Phrases.count(parts.length, "part")}`

const ofRetry = ({ answers, by, fromStart, records, runId }: RetryEvent.RetryOf): string => {
  const begins = [
    Phrases.count(records, "record"),
    ...(answers === 0 ? [] : [Phrases.count(answers, "answer")]),
  ]
  const author = by === undefined ? "" : ` by ${by}`
  return `retry of ${runId}${author}, ${fromStart ? "from the start" : `keeps ${Phrases.list(begins)}`}`
}

const ofEdit = (edit: RunEdits.Listed): string => {
  switch (edit.type) {
    case "step":
      return `step ${edit.step}`
    case "tool":
      return `tool call ${edit.tool_call_id}`
    case "text":
      return `text ${edit.message_id}`
    case "answer":
      return `answer to ${edit.interrupt_id}`
    case "message":
      return "the message of the user"
    case "input":
      return "the payload"
    case "agent":
      return `agent ${edit.agent_id}${edit.version === undefined ? "" : ` of version ${JSON.stringify(edit.version)}`} instead of ${edit.before}`
  }
}

const ofEdits = ({ after, by, edits, run_id }: RunEdits.EditsEvent): string =>
  `fork of ${run_id} after event ${after}${by === undefined ? "" : ` by ${by}`}, edited: ${Phrases.list(edits.map(ofEdit))}`

const ofAnswer = ({
  approved,
  declined,
  edited_args,
  interrupt_id,
  reason,
}: AnswerEvent.Answered): string => {
  const words =
    approved === true
      ? edited_args === undefined
        ? "approved"
        : "approved with edits"
      : approved === false
        ? `refused${reason === undefined ? "" : `: ${reason}`}`
        : declined === true
          ? "declined"
          : undefined
  return words === undefined ? interrupt_id : `${interrupt_id} (${words})`
}

const ofAnswers = ({ answers, by }: AnswerEvent.AnswerEvent): string =>
  `${by === undefined ? "" : `${by} `}answered ${Phrases.list(answers.map(ofAnswer))}`

const reader =
  <A, I>(schema: Schema.Schema<A, I>, text: (value: A) => string) =>
  (event: AgentEvent.LogEvent): Option.Option<string> =>
    Option.map(Schema.decodeUnknownOption(schema)(event["value"]), text)

/** Who answered which questions, without its first capital; none of any other event. */
export const ofAnswered = (event: AgentEvent.LogEvent): Option.Option<string> =>
  Option.map(AnswerEvent.fromEvent(event), ofAnswers)

const readers: Readonly<Record<string, (event: AgentEvent.LogEvent) => Option.Option<string>>> = {
  [AgentEvent.attemptEventName]: reader(Attempt, ofAttempt),
  [ControlEvents.waitingEventName]: reader(Waiting, ofWaiting),
  [TokenUsage.eventName]: reader(TokenUsage.TokenUsage, ofUsage),
  [InboxMessage.messageEventName]: (event) => Option.map(InboxMessage.fromEvent(event), ofMessage),
  [RetryEvent.retryEventName]: (event) => Option.map(RetryEvent.fromEvent(event), ofRetry),
  [RunEdits.editsEventName]: (event) => Option.map(RunEdits.fromEvent(event), ofEdits),
  [AgentEvent.answeredEventName]: ofAnswered,
  [StepRecord.childEventName]: (event) => Option.map(ChildEvent.fromEvent(event), ofChild),
}

/** The end of a step that has failed, without its first capital; none of any other event. */
export const ofFailedStep = ({ error, stepName, type }: AgentEvent.LogEvent): Option.Option<string> => {
  if (type !== "STEP_FINISHED" || !Predicate.isRecord(error)) return Option.none()
  const { message } = error
  return Option.some(
    `step ${String(stepName)} failed${typeof message === "string" && message !== "" ? `: ${message}` : ""}`,
  )
}

/** What an event of the control plane or of a step says, as a sentence without its first capital; none of any other event. */
export const of = (event: AgentEvent.LogEvent): Option.Option<string> => {
  const { name, type } = event
  if (type !== "CUSTOM" || typeof name !== "string") return ofFailedStep(event)
  const read = Object.hasOwn(readers, name) ? readers[name]!(event) : Option.none()
  return Option.orElse(read, () => Option.map(StepRecord.fromEvent(event), ofStep))
}
