/**
 * The extension of tasks: a run as a task, whose id is the run's. So a task outlives the connection and the server that began it.
 *
 * Source: https://modelcontextprotocol.io/extensions/tasks
 */
import { Edits, Ids, type Interrupt, ResumeRules, type Run, Runs } from "@runlease/core"
import * as SchemaProblem from "@runlease/core/SchemaProblem"
import { ToolArguments } from "@runlease/core/executor"
import { Context, DateTime, Effect, Option, Predicate, Schema } from "effect"
import type { Call, Outcome } from "./Call.js"
import * as EraOf from "./Era.js"
import type { Era } from "./Era.js"
import * as JsonRpc from "./JsonRpc.js"
import * as RunView from "./RunView.js"
import * as Wait from "./Wait.js"

/** The field of a form for a payload that is no flat object. */
const field = "answer"

const plainTypes: ReadonlySet<unknown> = new Set(["string", "number", "integer", "boolean"])

/** Keywords that a client's forms know. A client may refuse a schema with others. */
const formKeywords: ReadonlySet<string> = new Set([
  "type",
  "title",
  "description",
  "default",
  "enum",
  "enumNames",
  "oneOf",
  "minLength",
  "maxLength",
  "format",
  "pattern",
  "minimum",
  "maximum",
])

const isPlain = (schema: unknown): schema is JsonRpc.Params =>
  Predicate.isRecord(schema) &&
  plainTypes.has(schema["type"]) &&
  Object.keys(schema).every((key) => formKeywords.has(key))

const isFlat = (
  schema: Interrupt.Interrupt["responseSchema"],
): schema is JsonRpc.Params & { readonly properties: JsonRpc.Params } =>
  schema !== undefined &&
  schema["type"] === "object" &&
  Predicate.isRecord(schema["properties"]) &&
  Object.values(schema["properties"]).every(isPlain)

const describe = (schema: unknown): string => `JSON that fits ${JSON.stringify(schema)}`.slice(0, 2000)

/** The schema of an answer with its edits as text, so that an approval with edits is a form as any other. */
const schemaOf = (interrupt: Interrupt.Interrupt): Interrupt.Interrupt["responseSchema"] =>
  Option.match(Edits.schemaOf(interrupt), {
    onNone: () => interrupt.responseSchema,
    onSome: (edits) => ({
      ...interrupt.responseSchema,
      properties: {
        ...(interrupt.responseSchema?.["properties"] as JsonRpc.Params),
        [Edits.field]: {
          type: "string",
          description: `To approve something else: ${describe(edits)}`.slice(0, 2000),
        },
      },
    }),
  })

const formOf = (interrupt: Interrupt.Interrupt): JsonRpc.Params => {
  const schema = schemaOf(interrupt)
  if (isFlat(schema)) {
    return {
      type: "object",
      properties: schema.properties,
      ...(Array.isArray(schema["required"]) ? { required: schema["required"] } : {}),
    }
  }
  const answer = isPlain(schema)
    ? schema
    : {
        type: "string",
        ...(schema === undefined ? {} : { description: describe(schema) }),
      }
  return { type: "object", properties: { [field]: answer }, required: [field] }
}

const parse = Schema.decodeUnknownOption(Schema.parseJson())

/** A form with the value of its text of edits. A no, and an empty text, have none. */
const withEdits = (interrupt: Interrupt.Interrupt, content: JsonRpc.Params): JsonRpc.Params => {
  const { [Edits.field]: edits, ...others } = content
  if (Option.isNone(Edits.schemaOf(interrupt)) || !Predicate.isString(edits)) return content
  return edits.trim() === "" || content["approved"] !== true
    ? others
    : { ...others, [Edits.field]: Option.getOrElse(parse(edits), () => edits) }
}

/** The payload of a filled form. */
const payloadOf = (interrupt: Interrupt.Interrupt, content: JsonRpc.Params): unknown => {
  const responseSchema = schemaOf(interrupt)
  if (isFlat(responseSchema)) return withEdits(interrupt, content)
  const answer = content[field]
  return responseSchema === undefined || isPlain(responseSchema) || !Predicate.isString(answer)
    ? answer
    : Option.getOrElse(parse(answer), () => answer)
}

/** How much of what a question is about a form shows, in UTF-16 units. */
const maxAbout = 4_000

/** The question, above what it is about: a form shows nothing else of it. */
const questionText = (
  { runId }: Run.Run,
  { id, message, metadata, toolArguments, toolName }: Interrupt.Interrupt,
): string => {
  const question = message ?? `Run ${runId} waits for ${toolName ?? id}`
  const about = metadata?.["about"] ?? toolArguments
  if (about === undefined) return question
  const text = Predicate.isString(about) ? about : JSON.stringify(about, null, 2)
  return `${question}\n\n${ToolArguments.cut(text, maxAbout)}`
}

/** An interrupt of a later wait may have the id of an earlier one; each wait has its own epoch. */
const keyOf = ({ leaseEpoch }: Run.Run, { id }: Interrupt.Interrupt): string => `${leaseEpoch}:${id}`

/** What the run waits for, as requests to its client, by key. No two requests of one run have the same key. */
const requestsOf = (run: Run.Run): JsonRpc.Params =>
  Object.fromEntries(
    ResumeRules.openOf(run).map((interrupt) => [
      keyOf(run, interrupt),
      {
        method: "elicitation/create",
        params: {
          mode: "form",
          message: questionText(run, interrupt),
          requestedSchema: formOf(interrupt),
        },
      },
    ]),
  )

const ElicitResult = Schema.Struct({
  action: Schema.Literal("accept", "decline", "cancel"),
  content: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
})

/** Responses to requests of a task, by key. */
const Responses = Schema.Record({ key: Schema.String, value: ElicitResult })

/**
 * The interrupts of a run as questions that an MCP client puts to its user, and the answers back.
 *
 * A client shows a flat form. An interrupt whose payload is no flat object becomes a form with one field, `answer`.
 *
 * Source: https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation
 */
type Responses = typeof Responses.Type

/** The answers to what the run waits for. A response to something else is none, such as one to a wait that is over. */
const answersOf = (run: Run.Run, responses: Responses): ReadonlyArray<Interrupt.Answer> =>
  ResumeRules.openOf(run).flatMap((interrupt): ReadonlyArray<Interrupt.Answer> => {
    const response = responses[keyOf(run, interrupt)]
    if (response === undefined) return []
    return response.action === "accept"
      ? [
          {
            interruptId: interrupt.id,
            status: "resolved",
            payload: payloadOf(interrupt, response.content ?? {}),
          },
        ]
      : [{ interruptId: interrupt.id, status: "cancelled" }]
  })

/** Milliseconds. */
const pollInterval = 1000

const words: Readonly<Record<Run.RunStatus, string>> = {
  pending: "The run waits for a worker",
  running: "The run works",
  waiting: "The run waits",
  completed: "The run has completed",
  failed: "The run has failed",
  cancelled: "The run was cancelled",
}

/** A run whose client shows no forms continues once it is answered by a tool. */
const messageOf = (run: Run.Run): string =>
  RunView.isAsking(run) ? "The run waits for answers; answer_run gives them" : words[run.status]

const common = (run: Run.Run) => ({
  taskId: run.runId,
  statusMessage: messageOf(run),
  createdAt: DateTime.formatIso(run.createdAt),
  lastUpdatedAt: DateTime.formatIso(run.updatedAt),
  ttlMs: null,
  pollIntervalMs: pollInterval,
})

/** The answer to a call whose run continues as a task. */
export const created = (run: Run.Run): Outcome<never> => ({
  result: Effect.succeed({ resultType: "task", ...common(run), status: "working" }),
})

/** The state of a task, with its result once it has ended. A run that has failed is a call that has completed with an error. */
export const detailed = (call: Pick<Call, "ports"> & { readonly era: Era }, run: Run.Run) => {
  if (run.status === "completed" || run.status === "failed") {
    return Effect.map(Wait.resultOf(call, run), (result) => ({
      ...common(run),
      status: "completed",
      result: { resultType: "complete", ...result },
    }))
  }
  if (run.status === "cancelled") return Effect.succeed({ ...common(run), status: "cancelled" })
  return Effect.succeed(
    RunView.isAsking(run) && call.era.elicits
      ? { ...common(run), status: "input_required", inputRequests: requestsOf(run) }
      : { ...common(run), status: "working" },
  )
}

const Named = Schema.Struct({ taskId: Ids.RunId })

const Update = Schema.Struct({ taskId: Ids.RunId, inputResponses: Responses })

const decoded = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknown(schema)
  return (params: JsonRpc.Params) =>
    Effect.mapError(decode(params), (problem) =>
      JsonRpc.invalidParams(`The parameters do not fit: ${SchemaProblem.describe(problem)}`),
    )
}

const readNamed = decoded(Named)

const readUpdate = decoded(Update)

const notFound = ({ runId }: Run.RunNotFound) =>
  Effect.fail(JsonRpc.invalidParams(`Task not found: there is no run ${runId}`))

const get = Effect.fnUntraced(
  function* (params: JsonRpc.Params, call: Call) {
    const { taskId } = yield* readNamed(params)
    const run = yield* Context.get(call.ports, Runs.Runs).get(taskId)
    return yield* detailed(call, run)
  },
  Effect.catchTag("RunNotFound", notFound),
)

/** Responses to what the run does not wait for are left out, as are those that come too late. */
const update = Effect.fnUntraced(
  function* (params: JsonRpc.Params, { ports }: Call) {
    const { inputResponses, taskId } = yield* readUpdate(params)
    const runs = Context.get(ports, Runs.Runs)
    const [first, ...others] = answersOf(yield* runs.get(taskId), inputResponses)
    if (first !== undefined) {
      yield* runs.resume(taskId, [first, ...others]).pipe(
        Effect.catchTags({
          NotWaiting: () => Effect.void,
          AnswerRefused: ({ field, message }) => Effect.fail(JsonRpc.invalidParams(`${field}: ${message}`)),
        }),
      )
    }
    return {}
  },
  Effect.catchTag("RunNotFound", notFound),
)

const cancel = Effect.fnUntraced(
  function* (params: JsonRpc.Params, { ports }: Call) {
    const { taskId } = yield* readNamed(params)
    yield* Context.get(ports, Runs.Runs).cancel(taskId)
    return {}
  },
  Effect.catchTag("RunNotFound", notFound),
)

/** A method of tasks, for a client that has declared them. */
const forTasks =
  <E>(method: (params: JsonRpc.Params, call: Call) => Effect.Effect<JsonRpc.Params, E>) =>
  (params: JsonRpc.Params, call: Call): Effect.Effect<JsonRpc.Params, E | JsonRpc.RpcFailure> =>
    call.era.tasks ? method(params, call) : Effect.fail(EraOf.tasksRequired)

export const methods = {
  "tasks/get": forTasks(get),
  "tasks/update": forTasks(update),
  "tasks/cancel": forTasks(cancel),
} as const
