/**
 * Edits of what a fork copies: the results of steps and of tool calls, and texts of the agent.
 *
 * Source: docs/decisions/0157-forks-with-edits.md
 */
import {
  custom,
  isToolCallFailure,
  type LogEvent,
  textContent,
  toolCallEnd,
  toolCallFailure,
  toolCallResult,
} from "@runlease/core/AgentEvent"
import { sizeOf } from "@runlease/core/AppendRules"
import * as JsonText from "@runlease/core/JsonText"
import type { EditOf, Listed } from "@runlease/core/RunEdits"
import { maxEventBytes } from "@runlease/core/RunLog"
import * as StepRecord from "@runlease/core/StepRecord"
import { Array as Arr, Either, Option, Predicate, Schema } from "effect"

type Record = Pick<StepRecord.StepRecord, "step_id" | "name" | "key"> & Partial<StepRecord.StepRecord>

/** `records`: of steps, also of those after the event of the fork. `begun`: the names of the steps that have begun. */
export interface Found {
  readonly records: ReadonlyArray<Record>
  readonly begun: ReadonlySet<string>
}

/** Collects what the log of a run says of its steps. */
export const finder = (): { readonly next: (event: LogEvent) => void; readonly found: () => Found } => {
  const read = StepRecord.reader()
  const records: Array<Record> = []
  const begun = new Set<string>()
  return {
    next: (event) => {
      if (event.type === "STEP_STARTED") begun.add(String(event["stepName"]))
      const whole = read(event)
      if (whole?.kind === "step") records.push(whole.record)
    },
    found: () => ({ records, begun }),
  }
}

/** The field of the edit that does not fit, and why. */
export interface Problem {
  readonly field: string
  readonly message: string
}

/** The events with the edit in them. */
interface Applied {
  readonly events: ReadonlyArray<LogEvent>
  readonly listed: Listed
}

type Outcome = Either.Either<Applied, Problem>

const refuse = (field: string, message: string): Outcome => Either.left({ field, message })

/** The most names that a refusal lists. */
const mostListed = 5

/** What may be named instead, for a refusal. */
export const choices = (names: Iterable<string>): string => {
  const all = Array.from(new Set(names))
  if (all.length === 0) return "it has none"
  return `it has ${all.slice(0, mostListed).join(", ")}${all.length > mostListed ? " and more" : ""}`
}

/** A record in the log, and the place of its last event. */
interface PlacedRecord {
  readonly record: StepRecord.StepRecord
  readonly at: number
}

const placedIn = (events: ReadonlyArray<LogEvent>): ReadonlyArray<PlacedRecord> => {
  const read = StepRecord.reader()
  return events.flatMap((event, at) => {
    const whole = read(event)
    return whole?.kind === "step" ? [{ record: whole.record, at }] : []
  })
}

const recordsIn = (events: ReadonlyArray<LogEvent>): ReadonlyArray<StepRecord.StepRecord> =>
  placedIn(events).map(({ record }) => record)

/** The record of a step that counts: the first, or the one that replaces it. */
const counting = (records: ReadonlyArray<PlacedRecord>): PlacedRecord | undefined =>
  records.reduce<PlacedRecord | undefined>(
    (before, one) => (before === undefined || one.record.replaces === before.record.record_id ? one : before),
    undefined,
  )

/** As large as the parts of a record that a worker writes. */
const maxPart = 240_000

/** The most bytes of the results of a run, as JSON. */
const maxResults = 8 * 1024 * 1024

const textOfRecord = ({ failure, result }: StepRecord.StepRecord): string => result ?? failure ?? ""

/** The most characters of the name of a step in the list of edits. */
const maxName = 200

/** The events of a record with that JSON as its result. It has no codec: what is edited is plain. */
const eventsOf = (record: Record, recordId: string, json: string | undefined): ReadonlyArray<LogEvent> => {
  const { key, messages, name, replaces, step_id, tool_calls } = record
  const ids = {
    ...(messages === undefined ? {} : { messages }),
    ...(tool_calls === undefined ? {} : { tool_calls }),
  }
  const texts = json === undefined ? [undefined] : JsonText.split(json, maxPart - JSON.stringify(ids).length)
  return texts.map((result, index) =>
    custom(StepRecord.stepEventName, {
      step_id,
      record_id: recordId,
      name,
      ...(key === undefined ? {} : { key }),
      ...(replaces === undefined ? {} : { replaces }),
      ...(result === undefined ? {} : { result }),
      ...(texts.length === 1 ? {} : { part: index + 1, parts: texts.length }),
      ...(index === texts.length - 1 ? ids : {}),
    }),
  )
}

const withResult = (
  events: ReadonlyArray<LogEvent>,
  { at, record }: PlacedRecord,
  json: string | undefined,
): ReadonlyArray<LogEvent> =>
  events.flatMap((event, index) => {
    if (index === at) return eventsOf(record, record.record_id, json)
    const isPart =
      event["name"] === StepRecord.stepEventName && StepRecord.recordIdOf(event) === record.record_id
    return isPart ? [] : [event]
  })

const isContentOf = (event: LogEvent, messageId: string): boolean =>
  event.type === "TEXT_MESSAGE_CONTENT" && event["messageId"] === messageId

const textIn = (events: ReadonlyArray<LogEvent>, messageId: string): string =>
  events.map((event) => (isContentOf(event, messageId) ? String(event["delta"]) : "")).join("")

/** The most bytes of a delta. */
const maxDelta = 90_000

/** A message may begin again in a later attempt: its text is behind its first beginning. */
const withText = (
  events: ReadonlyArray<LogEvent>,
  messageId: string,
  text: string,
): ReadonlyArray<LogEvent> => {
  const start = events.findIndex(
    (event) => event.type === "TEXT_MESSAGE_START" && event["messageId"] === messageId,
  )
  return events.flatMap((event, index) => {
    if (isContentOf(event, messageId)) return []
    return index === start
      ? [event, ...JsonText.split(text, maxDelta).map((delta) => textContent(messageId, delta))]
      : [event]
  })
}

const parsed = Schema.decodeUnknownOption(Schema.parseJson())

/** The message whose text is the result of a step, as `Step.stream` records it. */
const messageOf = (events: ReadonlyArray<LogEvent>, record: StepRecord.StepRecord): string | undefined => {
  const { codec, messages = [], result } = record
  const [only, ...others] = messages
  if (only === undefined || others.length > 0 || codec !== undefined) return undefined
  return Option.getOrUndefined(parsed(result)) === textIn(events, only) ? only : undefined
}

/** The steps with that name or id. */
const named = <R extends Pick<Record, "step_id" | "name">>(records: ReadonlyArray<R>, step: string) => {
  const byId = records.filter(({ step_id }) => step_id === step)
  return byId.length > 0 ? byId : records.filter(({ name }) => name === step)
}

const idAndKey = ({ key, step_id }: Record): string =>
  key === undefined ? step_id : `${step_id} with key ${JSON.stringify(key).slice(0, 100)}`

/** Whether the copied events have a record of the step, so that no other record is looked for. */
export const hasStep = (events: ReadonlyArray<LogEvent>, step: string): boolean =>
  named(recordsIn(events), step).length > 0

/** The step of an edit: one with a copied record, else one with a record, else an outermost one without a key that has begun. */
const stepOf = (
  copied: ReadonlyArray<Record>,
  { begun, records }: Found,
  step: string,
): Either.Either<Record, Problem> => {
  const among = named(copied, step)
  const byId = new Map(
    (among.length > 0 ? among : named(records, step)).map((record) => [record.step_id, record]),
  )
  if (byId.size > 1) {
    const message = `names ${byId.size} steps, so name one by its id: ${choices(Array.from(byId.values(), idAndKey))}`
    return Either.left({ field: "step", message })
  }
  const [only] = byId.values()
  if (only !== undefined) return Either.right(only)
  if (begun.has(step)) {
    const stepId = StepRecord.stepIdOf({ within: undefined, name: step, key: undefined })
    return Either.right({ step_id: stepId, name: step, key: undefined })
  }
  const names = [...records.map(({ name }) => name), ...begun]
  return Either.left({
    field: "step",
    message: `the run has no step of the name or id ${step}; ${choices(names)}`,
  })
}

/** The result of a step. `recordId`: of the record, where the fork copies none. */
export const ofStep = (
  events: ReadonlyArray<LogEvent>,
  found: Found,
  { result, step }: EditOf<"step">,
  recordId: string,
): Outcome =>
  Either.flatMap(stepOf(recordsIn(events), found, step), ({ key, name, step_id }) => {
    const json = JSON.stringify(result) as string | undefined
    const records = placedIn(events)
    const before = counting(records.filter(({ record }) => record.step_id === step_id))
    const others = records.reduce(
      (sum, one) => (one === before ? sum : sum + JsonText.sizeOf(textOfRecord(one.record))),
      0,
    )
    if (others + JsonText.sizeOf(json ?? "") > maxResults)
      return refuse("result", "with it the results of the run are over 8 MiB of JSON")
    const listed = { type: "step", step: name.slice(0, maxName), step_id } as const
    if (before === undefined) {
      return Either.right({
        events: [...events, ...eventsOf({ key, name, step_id }, recordId, json)],
        listed,
      })
    }
    const shown = typeof result === "string" ? messageOf(events, before.record) : undefined
    const edited = withResult(events, before, json)
    return Either.right({
      events: shown === undefined ? edited : withText(edited, shown, String(result)),
      listed,
    })
  })

/** The result of a call, as text where it is none: that is what a model reads. */
const contentOf = (result: unknown): string =>
  typeof result === "string" ? result : (JSON.stringify(result) ?? "")

/** The result of a call that one of the copied records names. `calls`: all of these. */
export const ofTool = (
  events: ReadonlyArray<LogEvent>,
  calls: ReadonlySet<string>,
  { isError = false, result, toolCallId }: EditOf<"tool">,
): Outcome => {
  if (!calls.has(toolCallId))
    return refuse("toolCallId", `the run has recorded no call ${toolCallId} by then; ${choices(calls)}`)
  const isOf = (type: string) => (event: LogEvent) =>
    event.type === type && event["toolCallId"] === toolCallId
  const before = events.find(isOf("TOOL_CALL_RESULT"))
  const messageId = before === undefined ? `result-${toolCallId}` : String(before["messageId"])
  const content = contentOf(result)
  const made = isError
    ? toolCallFailure(messageId, toolCallId, content)
    : toolCallResult(messageId, toolCallId, content, { role: "tool" })
  if (sizeOf(made) > maxEventBytes)
    return refuse("result", `must be less than ${maxEventBytes} bytes of JSON`)
  const edited =
    before !== undefined && !isToolCallFailure(before) && !isError ? { ...before, ...made } : made
  const listed = { type: "tool", tool_call_id: toolCallId } as const
  if (before !== undefined)
    return Either.right({ events: events.map((event) => (event === before ? edited : event)), listed })
  const end = events.some(isOf("TOOL_CALL_END")) ? [] : [toolCallEnd(toolCallId)]
  return Either.right({ events: [...events, ...end, made], listed })
}

/** The text of a message that the agent wrote, and that one of the copied records names. */
export const ofText = (events: ReadonlyArray<LogEvent>, { messageId, text }: EditOf<"text">): Outcome => {
  const opened = events.flatMap((event) =>
    event.type === "TEXT_MESSAGE_START" && Predicate.isString(event["messageId"]) ? [event["messageId"]] : [],
  )
  if (!opened.includes(messageId))
    return refuse("messageId", `the run has recorded no text ${messageId} by then; ${choices(opened)}`)
  const returning = Arr.findFirst(placedIn(events), ({ record }) => messageOf(events, record) === messageId)
  const recorded = Option.match(returning, {
    onNone: () => events,
    onSome: (one) => withResult(events, one, JSON.stringify(text)),
  })
  return Either.right({
    events: withText(recorded, messageId, text),
    listed: { type: "text", message_id: messageId },
  })
}
