/** A message of a client: it begins a task, or is the next one of a task that has not ended. */
import { Ids, RequestSnapshot, ResumeRules, type Run, Runs } from "@runlease/core"
import * as Digest from "@runlease/core/Digest"
import * as AgentForms from "@runlease/http/face/AgentForms"
import * as Submission from "@runlease/http/face/Submission"
import * as Thread from "@runlease/http/face/Thread"
import { Rebuilds } from "@runlease/http/face/Turns"
import { Context, Effect, Schema } from "effect"
import * as Answers from "./Answers.js"
import * as Errors from "./Errors.js"
import * as Parts from "./Parts.js"
import type { Message, SendMessageRequest } from "./Protocol.js"
import * as TaskFold from "./TaskFold.js"
import * as Tasks from "./Tasks.js"

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
    const answers = yield* Answers.of(open, message)
    const resumed = yield* runs
      .resume(run.runId, answers)
      .pipe(Effect.catchTag("NotWaiting", (error) => Errors.make("UNSUPPORTED_OPERATION", error.message)))
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
