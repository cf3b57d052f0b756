/**
 * The turns of an agent, which do one run: from its process over its session and prompts to the end of the last turn. There is one turn, and
 * another one while the run has new messages.
 */
import { createHash } from "node:crypto"
import { constants } from "node:fs"
import { type FileHandle, mkdir, open } from "node:fs/promises"
import { dirname } from "node:path"
import type * as acp from "@agentclientprotocol/sdk"
import {
  CreateElicitationRequest,
  type CreateElicitationResponse,
  type ElicitationContentValue,
  type ElicitationFormMode,
  type PromptResponse,
  type ReadTextFileRequest,
  type ReadTextFileResponse,
  RequestError,
  type WriteTextFileRequest,
  type WriteTextFileResponse,
} from "@agentclientprotocol/sdk"
import {
  AgentEvent,
  ControlPlaneUnavailable,
  Emit,
  Executor,
  Ids,
  Inbox,
  type InboxMessage,
  Interrupt,
  type Run,
  Runs,
} from "@runlease/core"
import { AttemptInbox, PastAttempts, RecordedTurns, StepLog } from "@runlease/core/executor"
import { Environment } from "@runlease/process"
import {
  Array,
  type Context,
  Deferred,
  type Duration,
  Effect,
  ExecutionStrategy,
  Exit,
  Mailbox,
  Option,
  Predicate,
  Scope,
  Stream,
} from "effect"
import * as Agent from "./Agent.js"
import * as Confinement from "./Confinement.js"
import * as Failure from "./Failure.js"
import * as Form from "./Form.js"
import * as Permissions from "./Permissions.js"
import * as Prompt from "./Prompt.js"
import * as Questions from "./Questions.js"
import * as SessionRecord from "./SessionRecord.js"
import * as SessionStart from "./SessionStart.js"
import * as Terminals from "./Terminals.js"
import * as Truncation from "./Truncation.js"
import * as TurnOutput from "./TurnOutput.js"
import * as UpdateEvents from "./UpdateEvents.js"
import type * as WorkFolder from "./WorkFolder.js"

interface FormRequest extends Pick<CreateElicitationRequest, "message"> {
  readonly requestedSchema: ElicitationFormMode["requestedSchema"]
}

/** A form is never truncated, so all forms that are open at once must fit into one event. */
const maxFormBytes = 32 * 1024

const cancelled: CreateElicitationResponse = { action: "cancel" }

const declined: CreateElicitationResponse = { action: "decline" }

/** Whether an answer declines the form. A person may decline in the form of a permission. */
const isDeclined = ({ isError, payload, status }: Interrupt.Answer, form: FormRequest): boolean =>
  status === "cancelled" ||
  isError === true ||
  payload === false ||
  (Predicate.isRecord(payload) &&
    payload["approved"] === false &&
    !Object.hasOwn(form.requestedSchema.properties ?? {}, "approved"))

/** The values of the form. A form without required fields accepts an empty answer. */
const valuesOf = ({ payload }: Interrupt.Answer): unknown => payload ?? {}

const replyTo =
  (form: FormRequest) =>
  (answer: Interrupt.Answer): Option.Option<CreateElicitationResponse> => {
    if (isDeclined(answer, form)) return Option.some(declined)
    const values = valuesOf(answer)
    return Option.isNone(Form.misfit(form.requestedSchema, values))
      ? Option.some({ action: "accept", content: values as Record<string, ElicitationContentValue> })
      : Option.none()
  }

const interruptOf = (
  id: string,
  { message, requestedSchema }: FormRequest,
  last: Interrupt.Answer | undefined,
): Interrupt.Interrupt => {
  const misfit = last === undefined ? Option.none() : Form.misfit(requestedSchema, valuesOf(last))
  const hint = Option.match(misfit, {
    onNone: () => "",
    onSome: (reason) => ` (The answer before does not fit the form: ${reason})`,
  })
  return {
    id,
    reason: "input_required",
    message: `${Truncation.text(message, 4000)}${Truncation.text(hint, 1000)}`,
    responseSchema: { ...requestedSchema },
  }
}

/**
 * Forms that an agent shows to a person. The message and the schema identify a form.
 *
 * Source: https://agentclientprotocol.com/protocol/v1/elicitation
 */
export interface Options {
  /** Whether the handshake offered forms to the agent. */
  readonly offered: boolean
  readonly questions: Questions.Questions
  readonly sessionId: string | undefined
}

const invalid = (details: string) => Effect.fail(RequestError.invalidParams({ details }, details))

/** Replies to an agent that requests input from a person. */
export const answer = (
  { offered, questions, sessionId }: Options,
  request: CreateElicitationRequest,
): Effect.Effect<CreateElicitationResponse, RequestError> => {
  if (!CreateElicitationRequest.isForm(request) || !offered) {
    return invalid(`This client does not offer elicitation in the mode ${request.mode}`)
  }
  // A run cannot wait for a person before the session is open.
  if (!("sessionId" in request)) return Effect.succeed(cancelled)
  if (request.sessionId !== sessionId) return invalid(`There is no session ${request.sessionId}`)
  const { message, requestedSchema } = request
  const form = { message, requestedSchema }
  if (Truncation.sizeOf(form) > maxFormBytes) return invalid(`A form takes at most ${maxFormBytes} bytes`)
  return questions.ask({
    key: Questions.keyOf({ form }),
    interrupt: (id, _maxBytes, last) => interruptOf(id, form, last),
    reply: replyTo(form),
    isLasting: () => false,
    cancelled,
  })
}

/** A path that became a link after its check is not followed, and opening a pipe does not block. */
const flags = constants.O_NOFOLLOW | constants.O_NONBLOCK

const withFile = <A>(
  path: string,
  mode: number,
  use: (file: FileHandle) => Promise<A>,
): Effect.Effect<A, RequestError> =>
  Effect.acquireUseRelease(
    Effect.tryPromise({
      try: () => open(path, mode | flags, 0o666),
      catch: (error) => Confinement.fileError(path, error),
    }),
    (file) =>
      Effect.gen(function* () {
        const stat = yield* Effect.tryPromise({
          try: () => file.stat(),
          catch: (error) => Confinement.fileError(path, error),
        })
        if (!stat.isFile()) return yield* Effect.fail(Confinement.refuse(`${path} is not a file`))
        return yield* Effect.tryPromise({
          try: () => use(file),
          catch: (error) => Confinement.fileError(path, error),
        })
      }),
    (file) => Effect.ignore(Effect.tryPromise(() => file.close())),
  )

/** At most `limit` lines, from `line` on, which counts from 1. */
const slice = (text: string, line: number | null | undefined, limit: number | null | undefined): string => {
  if (line == null && limit == null) return text
  const lines = text.split(/(?<=\n)/)
  const from = Math.max(1, line ?? 1) - 1
  return lines.slice(from, limit == null ? undefined : from + Math.max(0, limit)).join("")
}

/** Serves an agent's requests to read and write files in its working folder. */
const makeFiles = (root: string, maxBytes: number) => ({
  readTextFile: (request: ReadTextFileRequest): Effect.Effect<ReadTextFileResponse, RequestError> =>
    Effect.gen(function* () {
      const path = yield* Confinement.resolve(root, request.path)
      const bytes = yield* withFile(path, constants.O_RDONLY, async (file) => {
        const { size } = await file.stat()
        return size > maxBytes ? undefined : await file.readFile()
      })
      return bytes === undefined
        ? yield* Effect.fail(Confinement.refuse(`${request.path} is larger than ${maxBytes} bytes`))
        : { content: slice(bytes.toString("utf8"), request.line, request.limit) }
    }),

  writeTextFile: (request: WriteTextFileRequest): Effect.Effect<WriteTextFileResponse, RequestError> =>
    Effect.gen(function* () {
      const path = yield* Confinement.resolve(root, request.path)
      yield* Effect.tryPromise({
        try: () => mkdir(dirname(path), { recursive: true }),
        catch: (error) => Confinement.fileError(request.path, error),
      })
      yield* withFile(path, constants.O_WRONLY | constants.O_CREAT, async (file) => {
        // The open descriptor is a regular file, so truncation is safe.
        await file.truncate(0)
        await file.writeFile(request.content)
      })
      return {}
    }),
})

const stepName = "inbox"

export type Messages = ReadonlyArray<InboxMessage.InboxMessage>

interface RunMessages {
  /** The messages that earlier attempts have consumed for a turn that has not ended. */
  readonly unfinished: Messages

  /** Whether there are messages that no turn has consumed. */
  readonly pending: () => boolean

  /** Takes them for the next turn. The log has their record when this ends, and all that went to `emit` before. */
  readonly take: (
    emit: (events: ReadonlyArray<AgentEvent.LogEvent>) => Effect.Effect<void>,
  ) => Effect.Effect<Messages, Executor.ExecutorError>
}

const none: RunMessages = {
  unfinished: [],
  pending: () => false,
  take: () => Effect.dieMessage("No message can reach this run"),
}

const ofLog = Effect.fnUntraced(function* (log: Context.Tag.Service<typeof StepLog.StepLog>) {
  const steps = log.steps()
  let turn = 1
  let ranges: ReadonlyArray<AttemptInbox.Range> = []
  for (const { done, inbox } of (yield* steps.recorded).values()) {
    if (done?.name === RecordedTurns.stepName) ranges = []
    if (inbox === undefined) continue
    ranges = [...ranges, inbox]
    turn += 1
  }
  const all = ranges.length === 0 ? [] : yield* steps.messages
  const messages: RunMessages = {
    unfinished: ranges.flatMap((range) => AttemptInbox.inRange(all, range)),
    pending: steps.inbox.pending,
    take: (emit) =>
      Effect.suspend(() => Inbox.drain(stepName, { key: turn++ })).pipe(
        Effect.provideService(Emit.Emit, {
          emit: (output) => (typeof output === "string" ? Effect.void : emit(Array.ensure(output))),
        }),
        Effect.provideService(StepLog.StepLog, log),
        Effect.mapError(Failure.ofStep),
      ),
  }
  return messages
})

/**
 * The messages to the run of this execution. The first attempt of a run without messages reads nothing. The agent gets the messages to its
 * run behind its turn, as the prompt of the next one. Source: docs/decisions/0062-an-inbox.md
 */
const makeMessages: Effect.Effect<RunMessages, Executor.ExecutorError> = Effect.flatMap(
  Effect.serviceOption(StepLog.StepLog),
  Option.match({
    onNone: () => Effect.succeed(none),
    onSome: (log) => Effect.mapError(ofLog(log), Failure.ofControlPlane),
  }),
)

const failures = {
  max_tokens: "reached the limit of tokens that its model may write",
  max_turn_requests: "reached the limit of requests to its model in one turn",
  refusal: "refused to go on",
} as const

const outcomes = { end_turn: { type: "success" }, cancelled: { type: "cancelled" } } as const

/** The agent's names of token counts, each with its name in `usage`. */
const counts = {
  inputTokens: "inputTokens",
  outputTokens: "outputTokens",
  totalTokens: "totalTokens",
  thoughtTokens: "reasoningTokens",
  cachedReadTokens: "cachedInputTokens",
  cachedWriteTokens: "cachedWriteTokens",
} as const

/** Version 1 of the protocol has no usage. Agents add it in the form of the draft. */
type Answer = PromptResponse & { readonly usage?: unknown }

const usageOf = (usage: unknown) =>
  !Predicate.isRecord(usage)
    ? {}
    : {
        usage: Object.fromEntries(
          Object.entries(counts).flatMap(([key, name]) =>
            typeof usage[key] === "number" ? [[name, usage[key]]] : [],
          ),
        ),
      }

/**
 * The end of the run. `end_turn` is a success. The three reasons to give up are failures, each with its own code, and an
 * unknown reason is a failure too. None is retryable, since the same request would end the same way. `cancelled` is a
 * cancellation by someone else, since this executor ignores the response after its own. `details` go into the metadata.
 */
const toEvent = (
  run: Run.ClaimedRun,
  name: string,
  sessionId: string,
  { stopReason, usage }: Answer,
  details: Readonly<Record<string, unknown>>,
): AgentEvent.AgentEvent => {
  const metadata = {
    ...usageOf(usage),
    acp: { sessionId, stopReason, ...details },
  }
  if (Object.hasOwn(failures, stopReason)) {
    const code = stopReason as keyof typeof failures
    return AgentEvent.runError(`${name} ${failures[code]}`, { code, metadata })
  }
  if (!Object.hasOwn(outcomes, stopReason)) {
    const message = `${name} ended its turn for a reason that the protocol does not have: ${String(stopReason)}`
    return AgentEvent.runError(message, { code: "agent_stop_reason_unknown", metadata })
  }
  const outcome = outcomes[stopReason as keyof typeof outcomes]
  return AgentEvent.runFinished(run.conversationId, run.runId, { outcome, metadata })
}

/** Whether a turn ended as one does that its agent did not give up. */
const isSuccess = ({ outcome, type }: AgentEvent.LogEvent): boolean =>
  type === "RUN_FINISHED" && Predicate.isRecord(outcome) && outcome["type"] === "success"

/** The options of `AcpExecutor`, with their defaults and with paths and the environment resolved. */
export interface Settings extends SessionStart.Settings {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly secrets: ReadonlyArray<string>
  readonly runToken: boolean
  readonly folders: WorkFolder.WorkFolder
  readonly answerWithin: Duration.DurationInput | undefined
  readonly cancelGrace: Duration.Duration
  readonly killAfter: Duration.Duration
  readonly guardPath: string
  readonly maxMessageBytes: number
}

/** How many events wait for the log before the agent must wait. */
const capacity = 64

/** A suffix for the ids of a run's calls. An agent's own ids are unique within one of its sessions only. */
const suffixOf = ({ runId }: Run.ClaimedRun): string =>
  createHash("sha256").update(runId).digest("hex").slice(0, 8)

/** The replies to the agent's requests for permission and for input. */
const personHandlers = (
  settings: Settings,
  questions: Questions.Questions,
  output: TurnOutput.TurnOutput,
): Pick<Agent.Handlers, "createElicitation" | "requestPermission"> => ({
  requestPermission: (request) =>
    Effect.flatMap(output.onPermissionRequest(request.toolCall), (call) =>
      Permissions.answer(settings.permission, questions, request, call),
    ).pipe(
      Effect.tap(({ outcome }) =>
        outcome.outcome === "selected"
          ? Effect.sync(() => output.decide(request.toolCall.toolCallId))
          : Effect.void,
      ),
    ),
  createElicitation: (request) => {
    const toolCallId = "toolCallId" in request ? String(request.toolCallId) : ""
    output.addUndecided(toolCallId)
    const offered = SessionStart.offersForms(settings)
    return answer({ offered, questions, sessionId: output.sessionId() }, request).pipe(
      Effect.tap(({ action }) =>
        action === "cancel" ? Effect.void : Effect.sync(() => output.decide(toolCallId)),
      ),
    )
  },
})

/** All messages of the conversation before these, which were sent to the run. */
const historyBefore = (run: Run.ClaimedRun, latest: Prompt.Request["latest"]) =>
  ControlPlaneUnavailable.retryUnavailable(PastAttempts.read(run)).pipe(
    Effect.mapError(Failure.ofControlPlane),
    Effect.map((attempts) => {
      const ids = new Set(latest.map(({ id }) => id))
      const ofRun = attempts.flatMap(({ validMessages }) => validMessages).filter(({ id }) => !ids.has(id))
      return [...run.snapshot.messages, ...ofRun]
    }),
  )

/**
 * Starts the turns of a run. The result is the stream of the run's events. The Scope ends the agent. A turn whose end is recorded is not
 * done again: the run ends as it did, or continues with its new messages.
 */
export const make = (settings: Settings) =>
  Effect.fn("AcpExecutor.run")(function* (run: Run.ClaimedRun) {
    const { cancelGrace, guardPath, killAfter, maxMessageBytes, name } = settings
    const turns = yield* RecordedTurns.read
    const inbox = yield* makeMessages
    const ended = turns.ended.at(-1)
    const goesOnAfter = (end: AgentEvent.LogEvent) => isSuccess(end) && inbox.pending()
    if (ended !== undefined && inbox.unfinished.length === 0 && !goesOnAfter(ended)) {
      return Stream.make(ended)
    }
    const runs = yield* Runs.Runs
    const mark = yield* Ids.uuidV7
    const cwd = yield* settings.folders.use(run.conversationId, mark)
    const mailbox = yield* Mailbox.make<AgentEvent.LogEvent, Executor.ExecutorFailure>({ capacity })
    // The log already holds the ids of earlier attempts.
    const isFirst = run.latestSequence === 0

    const record = SessionRecord.make(run, runs)
    const questions = yield* Questions.make({
      answers: run.snapshot.resume ?? [],
      delivered: record.deliveredAnswers,
      recordDelivered: record.recordDelivered,
      expiresAfter: settings.answerWithin,
    })
    const access = yield* Environment.ofRunToken(settings.runToken)
    const env = { ...settings.env, ...Environment.ofRun(run, cwd), ...Environment.reveal(access) }
    const programs = { killAfter, guardPath, env }
    const terminals = yield* Terminals.make({ ...programs, root: cwd, mark })
    const updates = UpdateEvents.make({
      messageId: isFirst ? run.messageId : yield* Ids.uuidV7,
      suffix: `-${suffixOf(run)}${isFirst ? "" : `-${run.leaseEpoch ?? mark}`}`,
      terminalOutput: terminals.outputOf,
    })
    const output = TurnOutput.make({ mailbox, record, updates, observe: turns.observe })

    const agent = yield* Agent.start({
      ...programs,
      command: settings.command,
      args: settings.args,
      cwd,
      mark,
      name,
      secrets: [...settings.secrets, ...Environment.secrets(access)],
      maxMessageBytes,
      onUpdate: output.onUpdate,
      handlers: {
        ...makeFiles(cwd, maxMessageBytes),
        ...terminals.handlers,
        ...personHandlers(settings, questions, output),
      },
    }).pipe(Effect.annotateLogs({ run_id: run.runId, agent_id: run.agentId }))

    const session = yield* SessionStart.make(settings, agent, { run, runs, cwd, record, output })
    const { capabilities, knowledge, promptedBefore, sessionId, withAuthentication } = session
    let response =
      Option.none<Deferred.Deferred<acp.PromptResponse, Failure.RequestRefused | Executor.ExecutorError>>()
    /** Waits at most `cancelGrace`. A finalizer is uninterruptible, so the wait itself must be interruptible. */
    const waitFor = <A>(effect: Effect.Effect<A>) =>
      Effect.timeoutOption(Effect.interruptible(effect), cancelGrace)
    /** Cancels the turn. The response to the prompt shows that the agent has stopped. */
    const cancel = Effect.gen(function* () {
      if (Option.isNone(response) || (yield* Deferred.isDone(response.value))) return
      yield* questions.cancel(agent.notify("session/cancel", { sessionId }))
      yield* waitFor(Effect.exit(Deferred.await(response.value)))
    })
    // A prompt in it outlives the fiber that waits for the response, until its turn is cancelled.
    const prompts = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        output.drop(true)
        yield* mailbox.shutdown
        yield* cancel
        yield* agent.group.endInput
        yield* waitFor(agent.group.ending)
      }),
    )

    const send = (prompt: Array<acp.ContentBlock>) =>
      Effect.gen(function* () {
        const answer = yield* Deferred.make<
          acp.PromptResponse,
          Failure.RequestRefused | Executor.ExecutorError
        >()
        response = Option.some(answer)
        yield* agent
          .request("session/prompt", { sessionId, prompt })
          .pipe(withAuthentication, Effect.intoDeferred(answer), Effect.forkIn(prompts))
        return yield* Deferred.await(answer)
      })

    const promptWith = (messages: Messages) => {
      if (messages.length > 0) record.setRequested(Prompt.lastOfInbox(messages))
      return Prompt.ofInbox(messages)
    }
    const takeMessages = Effect.map(inbox.take(output.emit), promptWith)

    const firstRequest = Effect.gen(function* () {
      const begun = inbox.unfinished.length > 0
      if (ended === undefined) {
        const request = Prompt.ofRun(run, knowledge, promptedBefore)
        return { ...request, latest: [...request.latest, ...promptWith(inbox.unfinished)] }
      }
      const latest = begun ? promptWith(inbox.unfinished) : yield* takeMessages
      return { begun, latest, history: knowledge === "run" ? [] : yield* historyBefore(run, latest) }
    })

    /** One turn, and those after it. */
    const turn = (prompt: Array<acp.ContentBlock>): Effect.Effect<void, Executor.ExecutorFailure> =>
      Effect.gen(function* () {
        const begun = yield* turns.begin
        yield* Effect.zipRight(output.emit(begun.events), begun.committed)
        const result = yield* send(prompt).pipe(
          Effect.catchTag("RequestRefused", (refused) => Failure.ofRefusal(name, refused)),
          Effect.raceFirst(questions.suspension),
        )
        const closing = output.close()
        for (const event of closing) turns.observe(event)
        const end = toEvent(run, name, sessionId, result, updates.metadata())
        const recorded = yield* turns.record(end)
        const goesOn = goesOnAfter(end)
        yield* output.emitWork([...closing, ...recorded, ...(goesOn ? [] : [end])])
        if (goesOn) yield* turn(Prompt.ofMessages(yield* takeMessages, capabilities))
      })

    yield* firstRequest.pipe(
      Effect.flatMap((request) => turn(Prompt.of(run, knowledge, capabilities, request))),
      Effect.tapErrorTag("AwaitAnswers", () => {
        output.cancel()
        return Effect.zipRight(record.recordBegun, cancel)
      }),
      Effect.matchEffect({
        onFailure: (failure) => Effect.zipRight(output.emit(output.close()), mailbox.fail(failure)),
        onSuccess: () => mailbox.end,
      }),
      Effect.onExit((exit) =>
        Exit.isFailure(exit) ? mailbox.done(Exit.failCause(exit.cause)) : Effect.void,
      ),
      Effect.forkScoped,
    )
    return Mailbox.toStream(mailbox)
  })
