/** A message of a client: it begins a task, or is the next one of a task that has not ended. */
import { Ids, Interrupt, RequestSnapshot, ResumeRules, type Run, Runs } from "@runlease/core"
import * as Digest from "@runlease/core/Digest"
import * as AgentForms from "@runlease/http/face/AgentForms"
import * as Submission from "@runlease/http/face/Submission"
import * as Thread from "@runlease/http/face/Thread"
import { Rebuilds } from "@runlease/http/face/Turns"
import { Context, Effect, Either, Schema } from "effect"
import * as Errors from "./Errors.js"
import * as Parts from "./Parts.js"
import type { Message, Part, SendMessageRequest } from "./Protocol.js"
import * as TaskFold from "./TaskFold.js"
import * as Tasks from "./Tasks.js"

// What a message of a client answers: the questions that its task waits with.

type Answered = Either.Either<Interrupt.Answers, Errors.A2aError>

const yes = /^(y|yes|ok|okay|approve|approved|true)[.!]?$/i

const no =
  /^(?:n|no|deny|denied|decline|declined|reject|rejected|false)(?:[.!]|\s*[,.:;\u2013\u2014-]\s*(.*))?$/is

const textOf = (parts: ReadonlyArray<Part>): string => parts.flatMap(({ text }) => text ?? []).join("")

const field = "message.parts"

const payloadOf = (
  interrupt: Interrupt.Interrupt,
  parts: ReadonlyArray<Part>,
): Either.Either<unknown, Errors.A2aError> => {
  const dataPart = parts.find(({ data }) => data !== undefined)
  if (dataPart !== undefined) return Either.right(dataPart.data)
  const text = textOf(parts).trim()
  if (text === "") {
    return Either.left(Errors.invalidParams(field, "An answer is a text part or a data part"))
  }
  if (!Interrupt.asksApproval(interrupt)) return Either.right(text)
  if (yes.test(text)) return Either.right({ approved: true })
  const declined = no.exec(text)
  if (declined !== null) {
    const [, reason = ""] = declined
    return Either.right({ approved: false, ...(reason === "" ? {} : { reason }) })
  }
  return Either.left(
    Errors.invalidParams(
      field,
      `The task waits for an approval: say yes or no, with a reason as in "no, not today", or send a data part {"approved": true}`,
    ),
  )
}

const AnswerList = Schema.Struct({
  resume: Schema.NonEmptyArray(
    Schema.Struct({
      interruptId: Schema.NonEmptyString,
      status: Schema.Literal("resolved", "cancelled"),
      payload: Schema.optional(Schema.Unknown),
    }),
  ),
})

const decodeList = Schema.decodeUnknownOption(AnswerList)

/**
 * The answers of a message to the open questions of its task. A data part `{ "resume": [{ "interruptId", "status", "payload" }] }` answers
 * several; any other message answers the only one that is open.
 *
 * Fails: `INVALID_PARAMS` for a message that answers none of them.
 */
export const of = (open: ReadonlyArray<Interrupt.Interrupt>, { parts }: Message): Answered => {
  for (const { data } of parts) {
    const list = decodeList(data)
    if (list._tag === "Some") return Either.right(list.value.resume)
  }
  const [only, ...others] = open
  if (only === undefined || others.length > 0) {
    return Either.left(
      Errors.invalidParams(
        field,
        `The task waits for ${open.length} answers (${open.map(({ id }) => id).join(", ")}): send a data part {"resume": [{"interruptId": …, "status": "resolved", "payload": …}]}`,
      ),
    )
  }
  return Either.map(payloadOf(only, parts), (payload): Interrupt.Answers => [
    { interruptId: only.id, status: "resolved", payload },
  ])
}

/**
 * The id of a new task: the same for the same message, so that one which is sent again is one run. What the message says counts too, since
 * clients take ids such as `1` as well.
 */
const newTaskId = ({ agentId, projectId }: Tasks.Agent, message: Message): Ids.RunId =>
  Ids.derivedRunId("task", JSON.stringify(["a2a task", projectId, agentId, message]))

const isKey = Schema.is(Ids.text(200))

const begin = Effect.fnUntraced(function* (agent: Tasks.Agent, { message, metadata }: SendMessageRequest) {
  const { agentId, ports, projectId } = agent
  const taskId = newTaskId(agent, message)
  const existing = yield* Effect.option(Tasks.find(agent, taskId))
  if (existing._tag === "Some") return existing.value
  const contextId = message.contextId || Digest.uuidOf(`a2a context\n${taskId}`)
  const thread = yield* Thread.make(projectId, contextId)
  const { inTurn } = yield* Rebuilds
  const before = yield* inTurn(Submission.before(ports, thread))
  const [only] = message.parts
  const submission = {
    agentId,
    publicId: taskId,
    derived: true as const,
    snapshot: {
      ...RequestSnapshot.empty,
      ...before,
      messages: [
        ...before.messages,
        {
          id: message.messageId,
          role: "user",
          parts: message.parts.map(Parts.toSnapshot),
          ...(message.metadata === undefined ? {} : { metadata: message.metadata }),
        },
      ],
      // A typed agent gets its payload as the only part.
      ...(message.parts.length === 1 && only.data !== undefined ? { input: only.data } : {}),
      ...(metadata === undefined ? {} : { forwardedProps: metadata }),
    },
  }
  yield* AgentForms.check(submission)
  const { run } = yield* Submission.inThread(ports, thread, submission).pipe(
    // The same message came twice at once, and the context had changed in between.
    Effect.catchTag("SubmissionConflict", () => Effect.map(Tasks.find(agent, taskId), (run) => ({ run }))),
  )
  return run
})

const ended = (run: Run.Run) =>
  Errors.make(
    "UNSUPPORTED_OPERATION",
    `Task ${run.runId} has ended (${Tasks.stateOf(run)}) and takes no further message; send it without taskId, with contextId, for a new task`,
    { metadata: { taskId: run.runId } },
  )

const goOn = Effect.fnUntraced(function* (agent: Tasks.Agent, taskId: string, message: Message) {
  const { ports } = agent
  const run = yield* Tasks.find(agent, taskId)
  const runs = Context.get(ports, Runs.Runs)
  const { contextId } = yield* Tasks.placeOf(agent, run)
  if (message.contextId && message.contextId !== contextId) {
    return yield* Errors.invalidParams(
      "message.contextId",
      `Task ${taskId} is of context ${contextId}; leave contextId out, or send that one`,
    )
  }
  if (TaskFold.isTerminal(Tasks.stateOf(run))) return yield* ended(run)
  const open = ResumeRules.openOf(run)
  if (open.length > 0) {
    const answers = yield* of(open, message)
    const resumed = yield* runs.resume(run.runId, answers).pipe(
      Effect.catchTags({
        NotWaiting: (error) => Errors.make("UNSUPPORTED_OPERATION", error.message),
        AnswerRefused: (error) => Errors.invalidParams(field, `${error.field}: ${error.message}`),
      }),
    )
    return resumed.run
  }
  const { messageId, parts } = message
  yield* runs
    .tell(run.runId, {
      parts: parts.map(Parts.toSnapshot),
      ...(isKey(messageId) ? { idempotencyKey: messageId } : {}),
    })
    .pipe(
      Effect.catchTags({
        RunEnded: () => ended(run),
        MessageRefused: (error) => Errors.make("UNSUPPORTED_OPERATION", error.message),
      }),
    )
  return run
})

/** Sends a message to the agent, and returns the run that has it. */
export const send = (agent: Tasks.Agent, request: SendMessageRequest) =>
  Effect.gen(function* () {
    const { configuration, message } = request
    if (configuration?.taskPushNotificationConfig !== undefined) {
      return yield* Errors.make(
        "PUSH_NOTIFICATION_NOT_SUPPORTED",
        "The agent sends no push notifications; follow the task with SubscribeToTask or GetTask",
        { field: "configuration.taskPushNotificationConfig" },
      )
    }
    return message.taskId ? yield* goOn(agent, message.taskId, message) : yield* begin(agent, request)
  })
