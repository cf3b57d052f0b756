/** Converts the run's snapshot to AG-UI's RunAgentInput, the request to a remote agent. */
import {
  ActivityMessageSchema,
  AssistantMessageSchema,
  AudioPartSchema,
  DataSourceSchema,
  DeveloperMessageSchema,
  DocumentPartSchema,
  FileSourceSchema,
  ImagePartSchema,
  PROTOCOL_VERSION,
  ReasoningMessageSchema,
  RunAgentInputSchema,
  SystemMessageSchema,
  TextPartSchema,
  ToolCallSchema,
  ToolMessageSchema,
  ToolSchema,
  UrlSourceSchema,
  UserMessageSchema,
  VideoPartSchema,
} from "@ag-ui/core/schemas"
import { type Executor, Ids, Interrupts, RequestSnapshot, type Run, type RunLog, Runs } from "@runlease/core"
import { AgUiMessages, PastAttempts } from "@runlease/core/executor"
import { Effect, Option, Predicate } from "effect"
import { excerpt, permanent, readingLog } from "./Failure.js"
import type { PendingInterrupts } from "./PendingInterrupts.js"
import * as SharedState from "./SharedState.js"

type Json = Readonly<Record<string, unknown>>

interface ObjectSchema {
  readonly shape: object
}

/** The fields that the schema describes and that are not null. */
const pickFields = (record: Json, schema: ObjectSchema): Json =>
  Object.fromEntries(
    Object.entries(record).filter(([key, value]) => value !== null && Object.hasOwn(schema.shape, key)),
  )

const variant = (schemas: Readonly<Record<string, ObjectSchema>>, name: unknown): ObjectSchema | undefined =>
  typeof name === "string" && Object.hasOwn(schemas, name) ? schemas[name] : undefined

const sources = { data: DataSourceSchema, url: UrlSourceSchema, file: FileSourceSchema }

const parts = {
  text: TextPartSchema,
  image: ImagePartSchema,
  audio: AudioPartSchema,
  video: VideoPartSchema,
  document: DocumentPartSchema,
}

const messages = {
  developer: DeveloperMessageSchema,
  system: SystemMessageSchema,
  assistant: AssistantMessageSchema,
  user: UserMessageSchema,
  tool: ToolMessageSchema,
  reasoning: ReasoningMessageSchema,
  activity: ActivityMessageSchema,
}

const partOf = (part: unknown): ReadonlyArray<unknown> => {
  if (!Predicate.isRecord(part)) return [part]
  const schema = variant(parts, part["type"])
  if (schema === undefined) return []
  const { source } = part
  if (!Predicate.isRecord(source)) return [pickFields(part, schema)]
  const ofSource = variant(sources, source["type"])
  return ofSource === undefined ? [] : [{ ...pickFields(part, schema), source: pickFields(source, ofSource) }]
}

/** The message, or nothing if it is an activity, which is for the front end only. */
const outgoingMessage = (value: Json): ReadonlyArray<Json> => {
  const schema = variant(messages, value["role"])
  if (schema === undefined || value["role"] === "activity") return []
  const { content, toolCalls } = value
  return [
    {
      ...pickFields(value, schema),
      ...(Array.isArray(content) ? { content: content.flatMap(partOf) } : {}),
      ...(Array.isArray(toolCalls)
        ? {
            toolCalls: toolCalls.map((call: unknown) =>
              Predicate.isRecord(call) ? pickFields(call, ToolCallSchema) : call,
            ),
          }
        : {}),
    },
  ]
}

/** Removes fields that the schema of AG-UI does not have, since an agent may refuse them. */
const outgoingTool = (value: unknown): unknown =>
  Predicate.isRecord(value) ? pickFields(value, ToolSchema) : value

type Message = RequestSnapshot.SnapshotMessage

const callsOf = (messages: ReadonlyArray<Message>, type: "tool_call" | "tool_result"): ReadonlySet<unknown> =>
  new Set(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.type === type ? [part["toolCallId"]] : [])),
    ),
  )

/** Puts each turn behind the request, and the results of its calls right behind the turn. */
const merge = (
  messages: ReadonlyArray<Message>,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): ReadonlyArray<Message> => {
  const requested = callsOf(messages, "tool_call")
  const turns = attempts
    .map(({ calls, validMessages }) => ({ calls: calls.filter((call) => call.valid), validMessages }))
    .filter(({ calls }) => !calls.some(({ toolCallId }) => requested.has(toolCallId)))
    .map(({ calls, validMessages }) => {
      const ids = new Set<unknown>(calls.map(({ toolCallId }) => toolCallId))
      const results = messages.filter(
        (message) =>
          message.role === "tool" && [...callsOf([message], "tool_result")].some((id) => ids.has(id)),
      )
      return [...validMessages, ...results]
    })
  const placed = new Set(turns.flat())
  return [...messages.filter((message) => !placed.has(message)), ...turns.flat()]
}

/** The messages of the request together with the agent's turns since. */
const addTo = (
  run: Run.ClaimedRun,
  messages: ReadonlyArray<Message>,
): Effect.Effect<ReadonlyArray<Message>, Executor.ExecutorError, RunLog.RunLog> =>
  Effect.map(readingLog(PastAttempts.read(run)), (attempts) => merge(messages, attempts))

/** A tool of AG-UI, which demands a description. The default is empty. */
const toolOf = (tool: unknown): unknown =>
  outgoingTool(Predicate.isRecord(tool) ? { ...tool, description: tool["description"] ?? "" } : tool)

const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

/** A piece of context of AG-UI: a description and a text. Other values become JSON text. */
const contextOf = (entry: unknown): unknown =>
  Predicate.isRecord(entry) && entry["value"] !== undefined
    ? { description: asText(entry["description"] ?? ""), value: asText(entry["value"]) }
    : { description: "", value: asText(entry) }

/** The message with the agent's own ids of tool calls. */
const messageOf =
  (names: PendingInterrupts["names"]) =>
  (message: AgUiMessages.Message): ReadonlyArray<Record<string, unknown>> =>
    outgoingMessage({
      ...message,
      ...(message.role === "tool" && typeof message["toolCallId"] === "string"
        ? { toolCallId: names[message["toolCallId"]] ?? message["toolCallId"] }
        : {}),
      ...(Array.isArray(message["toolCalls"])
        ? {
            toolCalls: message["toolCalls"].map((call: unknown) =>
              Predicate.isRecord(call) && typeof call["id"] === "string"
                ? { ...call, id: names[call["id"]] ?? call["id"] }
                : call,
            ),
          }
        : {}),
    })

/** The answers to the agent's last interrupts. */
const resumeOf = (
  run: Run.ClaimedRun,
  snapshot: RequestSnapshot.RequestSnapshot,
  pending: Option.Option<PendingInterrupts>,
): ReadonlyArray<Record<string, unknown>> => {
  const ids = Option.match(pending, {
    onSome: ({ interrupts }) => interrupts,
    // If the control plane names no holder, the session could not be recorded, so all answers go to the agent.
    onNone: () =>
      run.leaseOwner === null
        ? [...new Set((snapshot.resume ?? []).map(({ interruptId }) => interruptId))]
        : [],
  })
  return ids.flatMap((id) =>
    Option.match(Interrupts.answerTo(snapshot, id), {
      onNone: () => [],
      onSome: ({ interruptId, isError, metadata, payload, status }) => [
        {
          interruptId,
          status,
          ...(payload == null ? {} : { payload }),
          ...(isError === undefined && metadata === undefined
            ? {}
            : { metadata: { ...metadata, ...(isError === undefined ? {} : { runlease: { isError } }) } }),
        },
      ],
    }),
  )
}

/** The run's id as a caller may send it: an agent that is a server of Runlease derives ids too, and takes none of that space. */
const sentId = ({ runId }: Run.ClaimedRun): string => (Ids.isReservedRunId(runId) ? `run.${runId}` : runId)

/**
 * The run's id at its first claim, and a new id at each later claim. An agent may treat an id that it has received before as a finished
 * run, and send nothing.
 */
const runIdOf = (run: Run.ClaimedRun): Effect.Effect<string> =>
  run.leaseEpoch === null
    ? Effect.map(Ids.uuidV7, (unique) => `${sentId(run)}.${unique}`)
    : Effect.succeed(run.leaseEpoch <= 1 ? sentId(run) : `${sentId(run)}.${run.leaseEpoch}`)

/** The part of the run that this one continues: the last, if any of its interrupts or calls has an answer. */
const continuedFrom = (
  run: Run.ClaimedRun,
  pending: Option.Option<PendingInterrupts>,
): PendingInterrupts | undefined =>
  Option.getOrUndefined(
    Option.filter(pending, ({ calls, interrupts }) =>
      [...interrupts, ...calls].some((id) => Option.isSome(Interrupts.answerTo(run.snapshot, id))),
    ),
  )

/** The run that spawned this one. Null if the control plane does not answer. */
const spawningRun = (run: Run.ClaimedRun) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.get(run.runId)).pipe(
    Effect.map(({ parentRunId }) => parentRunId),
    Effect.orElseSucceed(() => null),
  )

const parametersByName = (tools: ReadonlyArray<unknown>): ReadonlyMap<string, unknown> =>
  new Map(
    tools.flatMap((tool) =>
      Predicate.isRecord(tool) && typeof tool["name"] === "string"
        ? [[tool["name"], tool["parameters"]]]
        : [],
    ),
  )

/**
 * The body of the request, the part of the run that it continues, the client's tools, and the basis of the
 * state.
 *
 * Fails with `input_not_ag_ui` when the snapshot does not fit AG-UI, such as with a tool without a name.
 */
export const make = Effect.fnUntraced(function* (
  run: Run.ClaimedRun,
  pending: Option.Option<PendingInterrupts>,
) {
  const { snapshot } = run
  const resume = resumeOf(run, snapshot, pending)
  const continued = continuedFrom(run, pending)
  const messages = continued === undefined ? snapshot.messages : yield* addTo(run, snapshot.messages)
  const state = yield* SharedState.make(run, { continued: continued !== undefined, of: continued?.state })
  const parentRunId = yield* spawningRun(run)
  const parsed = RunAgentInputSchema.safeParse({
    threadId: run.conversationId,
    runId: yield* runIdOf(run),
    protocolVersion: PROTOCOL_VERSION,
    ...(parentRunId === null ? {} : { parentRunId }),
    // Agents older than 1.0 demand all of these fields.
    state: state.value,
    messages: AgUiMessages.toAgUi(messages).flatMap(messageOf(continued?.names ?? {})),
    tools: snapshot.tools.map(toolOf),
    context: snapshot.context.map(contextOf),
    forwardedProps: snapshot.forwardedProps ?? {},
    ...(resume.length === 0 ? {} : { resume }),
  })
  if (parsed.success) {
    const clientTools = parametersByName(snapshot.tools)
    return { body: parsed.data, continued, clientTools, stateBasis: state.basis }
  }
  const [issue] = parsed.error.issues
  const where = issue?.path.map(String).join(".") ?? ""
  return yield* permanent(
    "input_not_ag_ui",
    `The request cannot be sent to an AG-UI agent: ${excerpt(`${where}: ${issue?.message ?? "invalid"}`)}`,
  )
})
