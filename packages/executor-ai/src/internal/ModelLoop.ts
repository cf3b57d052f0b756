/** The steps of a run: a request to the model, the calls of its answer, and the next request with their results. */
import { type AiError, type LanguageModel, Prompt, type Tool, type Toolkit } from "@effect/ai"
import {
  AgentEvent,
  Budget,
  type ControlPlane,
  ControlPlaneUnavailable,
  Executor,
  type InboxMessage,
  Interrupt,
  type RequestSnapshot,
  type Run,
  StepRecord,
} from "@runlease/core"
import {
  AttemptInbox,
  PastAttempts,
  StepLog,
  ToolArguments,
  ToolCalls,
  TrialCalls,
  UniqueIds,
} from "@runlease/core/executor"
import { Cause, Chunk, type Duration, Effect, Option, type Scope, Stream } from "effect"
import * as Answer from "./Answer.js"
import * as Approvals from "./Approvals.js"
import * as CallArguments from "./CallArguments.js"
import * as Failure from "./Failure.js"
import * as GenAiSpans from "./GenAiSpans.js"
import * as ModelPrompt from "./ModelPrompt.js"
import * as OfferedTools from "./OfferedTools.js"
import * as RecordedAnswers from "./RecordedAnswers.js"
import type { RequestedCall } from "./RequestedCall.js"
import * as ToolResults from "./ToolResults.js"
import * as Usage from "./Usage.js"
import * as WorkerCalls from "./WorkerCalls.js"

// The budget of a run's tree, before each request to the model.

/** Waits while the budget is spent. An execution without steps has none. */
const budgetCheck: Effect.Effect<Effect.Effect<void, Executor.ExecutorError, ControlPlane.ProjectPorts>> =
  Effect.map(
    Effect.serviceOption(StepLog.StepLog),
    Option.match({
      onNone: () => Effect.void,
      onSome: (log) =>
        Budget.check.pipe(Effect.provideService(StepLog.StepLog, log), Effect.mapError(Failure.ofBudget)),
    }),
  )

/** One request to a model, with the limits on its answer. */
interface RequestOptions {
  readonly model: LanguageModel.Service
  readonly messages: ReadonlyArray<Prompt.Message>
  readonly toolkit: Toolkit.WithHandler<Record<string, Tool.Any>> | undefined
  readonly idleTimeout: Duration.Duration
  readonly spans: GenAiSpans.GenAiSpans
}

/** Sends the request and streams the events of the answer, which `answer` reads. */
const send = (
  { idleTimeout, messages, model, spans, toolkit }: RequestOptions,
  answer: Answer.Answer,
): Stream.Stream<AgentEvent.AgentEvent, AiError.AiError | Executor.ExecutorError> => {
  const prompt = Prompt.fromMessages(messages)
  const parts =
    toolkit === undefined
      ? model.streamText({ prompt })
      : model.streamText({ prompt, toolkit, disableToolCallResolution: true })
  return spans.chat(parts).pipe(
    // The module of a provider dies of some answers that it does not understand.
    Stream.catchSomeCause((cause) =>
      Option.map(Cause.dieOption(cause), (defect) => Stream.fail(Failure.ofDefect(defect))),
    ),
    Stream.timeoutFail(() => Failure.timedOut(idleTimeout), idleTimeout),
    Stream.mapChunksEffect((chunk) => {
      if (Chunk.some(chunk, (part) => "delta" in part && part.delta.length > Failure.maxPart)) {
        return Effect.fail(Failure.tooLarge)
      }
      const events = Chunk.flatMap(chunk, (part) => Chunk.unsafeFromArray([...answer.read(part)]))
      const error = answer.error()
      return error === undefined ? Effect.succeed(events) : Effect.fail(Failure.ofErrorPart(error.error))
    }),
  )
}

const stepName = "inbox"

/** Messages, and the event that says that they were consumed. */
interface TakenMessages {
  readonly messages: ReadonlyArray<InboxMessage.InboxMessage>
  readonly record: AgentEvent.AgentEvent
}

/**
 * The messages to the run while it works, for the next request to the model.
 *
 * Source: docs/decisions/0062-an-inbox.md
 */
interface RunMessages {
  /** Whether there are some that no request has had. */
  readonly pending: () => boolean

  /** Takes them. Their record comes before the answer to the request that has them. */
  readonly take: Effect.Effect<TakenMessages, Executor.ExecutorError>
}

const none: RunMessages = {
  pending: () => false,
  take: Effect.dieMessage("No message can reach this run"),
}

const ofSteps = ({ inbox, issue, messages }: StepLog.AttemptSteps): RunMessages => ({
  pending: inbox.pending,
  take: Effect.gen(function* () {
    const after = inbox.consumed() ?? 0
    const all = yield* Effect.mapError(messages, Failure.ofControlPlane)
    const range = { after, to: Math.max(after, all.at(-1)?.number ?? 0) }
    const step_id = StepRecord.stepIdOf({ within: undefined, name: stepName, key: after })
    const { event } = yield* issue(StepRecord.inboxEventName, {
      step_id,
      name: stepName,
      key: after,
      ...range,
    })
    inbox.took(range)
    return { messages: AttemptInbox.inRange(all, range), record: event }
  }),
})

/** Those of a run. An attempt begins after what the attempts before it have consumed. */
const runMessages = (run: Run.ClaimedRun): Effect.Effect<RunMessages, Executor.ExecutorError> =>
  Effect.flatMap(
    Effect.serviceOption(StepLog.StepLog),
    Option.match({
      onNone: () => Effect.succeed(none),
      onSome: (log) => {
        const steps = log.steps()
        return run.inbox === undefined
          ? Effect.succeed(ofSteps(steps))
          : Effect.mapBoth(steps.recorded, {
              onFailure: Failure.ofControlPlane,
              onSuccess: () => ofSteps(steps),
            })
      },
    }),
  )

/** The statuses with which a server refuses the content of a request. */
const refusals = new Set([400, 413, 415, 422])

/** The refusal of the request's content, with a description if there is one. Undefined for other errors. */
const refusalOf = (error: AiError.AiError): string | undefined => {
  if (error._tag === "MalformedInput") return error.description ?? ""
  return error._tag === "HttpResponseError" && refusals.has(error.response.status) ? "" : undefined
}

/** Removes files that a model does not accept, so that they do not fail the run. */
interface Reduction {
  readonly messages: ReadonlyArray<Prompt.Message>
  /** Logs the media types of the removed files. */
  readonly warning: Effect.Effect<void>
}

/**
 * The messages without the files that the error is about: those whose media type it names, or all files if it names none.
 * None when the error is not a refusal or there are no files.
 */
const remove = (
  messages: ReadonlyArray<Prompt.Message>,
  error: AiError.AiError,
): Option.Option<Reduction> => {
  const refusal = refusalOf(error)
  const files = messages.flatMap((message) =>
    message.role === "user" ? message.content.filter((part) => part.type === "file") : [],
  )
  if (refusal === undefined || files.length === 0) return Option.none()
  const named = files.filter(({ mediaType }) => refusal.includes(mediaType))
  const removed = new Set<Prompt.UserMessagePart>(named.length > 0 ? named : files)
  return Option.some({
    warning: Effect.logWarning(
      "The model does not accept these files, so the next request leaves them out",
    ).pipe(
      Effect.annotateLogs({
        left_out: Array.from(removed, (part) => (part.type === "file" ? part.mediaType : part.type)),
        reason: error.message,
      }),
    ),
    messages: messages.flatMap((message) => {
      if (message.role !== "user" || !message.content.some((part) => removed.has(part))) return [message]
      const content = message.content.filter((part) => !removed.has(part))
      return content.length === 0 ? [] : [Prompt.userMessage({ content, options: message.options })]
    }),
  })
}

/** The options of `AiExecutor`, with their defaults, the model and the handlers. */
export interface Options {
  readonly model: LanguageModel.Service
  /** The name of the model's provider, where it is available. */
  readonly provider: string | undefined
  readonly spans: GenAiSpans.Options
  /** Those of one attempt, until its Scope closes. */
  readonly handlers: Effect.Effect<WorkerCalls.Handlers, Executor.ExecutorError, Scope.Scope>
  readonly system: string | undefined
  readonly maxSteps: number
  readonly toolConcurrency: number
  readonly maxMalformedSteps: number
  readonly idleTimeout: Duration.Duration
  readonly answerWithin: Duration.DurationInput | undefined
}

type Events = Stream.Stream<AgentEvent.AgentEvent, Executor.ExecutorFailure, ControlPlane.ProjectPorts>

/** Starts the loop of a run. The result is the stream of the run's events. */
export const make = (options: Options) =>
  Effect.fnUntraced(function* (run: Run.ClaimedRun) {
    const { maxMalformedSteps, maxSteps, toolConcurrency: concurrency } = options
    const handlers = yield* options.handlers
    const attempts = yield* ControlPlaneUnavailable.retryUnavailable(PastAttempts.read(run)).pipe(
      Effect.mapError(Failure.ofControlPlane),
    )
    const client = yield* OfferedTools.clientTools(run.snapshot, handlers.tools)
    const clientNames = new Set(client.map(({ name }) => name))
    const toolkit = OfferedTools.toolkit(handlers.tools, client)
    const spans = GenAiSpans.make(run, options.spans)
    const workerCalls = WorkerCalls.make({ run, handlers, spans })
    const counter = ToolCalls.after(attempts)
    const ids = UniqueIds.make(run, attempts)
    const recorder = yield* RecordedAnswers.recorder(attempts)
    const inbox = yield* runMessages(run)
    const checkBudget = yield* budgetCheck

    // A trial that makes no call waits for no result of a client and no approval.
    const makesCalls = TrialCalls.makesCalls(run.snapshot.trial)
    const givenResults = ToolResults.idsIn(run.snapshot.messages)

    let messages: ReadonlyArray<Prompt.Message> = []
    const steps = attempts.flatMap(Usage.stepsOf)
    // The usage of dead attempts counts, since it is paid for. Only their recorded answers count as steps.
    let settledSteps =
      attempts.filter(({ waited }) => waited).flatMap(Usage.stepsOf).length +
      RecordedAnswers.count(attempts.filter(({ waited }) => !waited))
    let malformedSteps = 0

    const finished: Events = Stream.suspend(() =>
      Stream.make<[AgentEvent.AgentEvent]>({
        type: "RUN_FINISHED",
        threadId: run.conversationId,
        runId: run.runId,
        outcome: { type: "success" },
        metadata: { usage: Usage.sum(steps) },
      }),
    )

    /** The run ends, unless it has a message that no request has had. */
    const finishOrContinue: Events = Stream.suspend(() =>
      inbox.pending()
        ? settledSteps >= maxSteps
          ? Stream.fail(Failure.stepLimit(maxSteps))
          : step
        : finished,
    )

    /** Whether the run waits for the client or for a person before the call has a result. */
    const waitsFor = ({ problem, toolName }: RequestedCall): boolean =>
      problem === undefined &&
      makesCalls &&
      (clientNames.has(toolName) || Approvals.isNeeded(handlers.tools, toolName))

    /** Makes the run wait for these calls; undefined where there are none. */
    const wait = (calls: ReadonlyArray<RequestedCall>): Events | undefined => {
      const room = ToolArguments.roomFor(calls.length)
      const [first, ...rest] = calls.map((call) => {
        const args = CallArguments.shown(handlers.tools, client, call, room)
        return clientNames.has(call.toolName)
          ? Interrupt.ofToolCall(call.toolCallId, call.toolName, args)
          : Approvals.interruptOf(handlers.tools, call, args)
      })
      return first === undefined
        ? undefined
        : Stream.fail(Executor.awaitAnswers([first, ...rest], options.answerWithin))
    }

    /** The next request has the answer with the results of its calls. */
    const addAnswer = (answer: Answer.Answer, results: ReadonlyMap<string, WorkerCalls.Result>): void => {
      const parts = Array.from(results, ([id, result]) => [id, ToolResults.partOf(id, result)] as const)
      const { providerCalls } = answer.summary()
      messages = [...messages, ...ModelPrompt.ofAnswer(answer.messages(), providerCalls, new Map(parts))]
    }

    /**
     * Makes the calls of a step. Then the run waits for the client, or the next step starts. No call is made before its answer is
     * recorded: a later attempt would pay for another answer, which may call something else.
     */
    const makeCalls = (answer: Answer.Answer): Events => {
      const { calls } = answer.summary()
      const results = new Map<string, WorkerCalls.Result>()
      const waiting = calls.filter(waitsFor)
      // Equal calls differ by their order, so all are counted in the order of the answer.
      const counted = calls.map((call) => ({ call, count: counter.take(call) }))
      const performed = Stream.fromIterable(counted.filter(({ call }) => !waiting.includes(call))).pipe(
        Stream.flatMap(
          ({ call, count }) =>
            workerCalls.perform(call, count, recorder.committed, (id, result) => results.set(id, result)),
          { concurrency },
        ),
      )
      const next = Stream.suspend((): Events => {
        const waits = wait(waiting)
        if (waits !== undefined) return waits
        malformedSteps = Array.from(results.values()).some(({ made }) => made) ? 0 : malformedSteps + 1
        if (malformedSteps >= maxMalformedSteps) {
          return Stream.fail(Failure.argumentsMalformed(malformedSteps))
        }
        addAnswer(answer, results)
        return step
      })
      return performed.pipe(
        Stream.concat(
          Stream.fromIterable(waiting.map(({ toolCallId }) => AgentEvent.toolCallEnd(toolCallId))),
        ),
        Stream.concat(next),
      )
    }

    const afterAnswer = (answer: Answer.Answer, salvaged: boolean): Events => {
      const summary = answer.summary()
      const { begun, calls, finish, model } = summary
      if (finish === undefined && !salvaged) return Stream.fail(Failure.unfinished(begun))
      const reported = finish === undefined ? [] : [Usage.stepOf(model, finish)]
      steps.push(...reported)
      const reports = Stream.fromIterable(reported.map((one) => Usage.eventOf(one, recorder.stepId())))
      if (finish?.reason === "error") {
        return Stream.concat(reports, Stream.fail(Failure.ofErrorPart("the answer ended with an error")))
      }
      settledSteps += 1
      if (calls.length === 0) addAnswer(answer, new Map())
      const continues = calls.length > 0 || finish?.reason === "pause"
      const recorded = recorder.record(summary, continues)
      const rest = !continues
        ? finishOrContinue
        : settledSteps >= maxSteps
          ? Stream.fail(Failure.stepLimit(maxSteps))
          : calls.length > 0
            ? makeCalls(answer)
            : step
      return reports.pipe(Stream.concat(recorded), Stream.concat(rest))
    }

    /** One request, which is not made before the answer to the last one cannot be lost. It has the messages to the run since then, and waits for the budget. */
    const step: Events = Stream.unwrap(
      Effect.map(Effect.zipRight(recorder.committed, checkBudget), () =>
        inbox.pending() ? Stream.concat(takeMessages, request) : request,
      ),
    )

    const takeMessages: Events = Stream.fromEffect(
      Effect.gen(function* () {
        const received = yield* inbox.take
        const prompts = received.messages.map(({ id, parts }) => ({ id, role: "user", parts }))
        messages = [...messages, ...(yield* ModelPrompt.ofUser(prompts, options.provider))]
        return received.record
      }),
    )

    /** The mark of a request, which is made once the log has it: its price is unknown until its answer is there. */
    const request: Events = Stream.unwrap(
      Effect.map(recorder.begin, ({ committed, events }) =>
        Stream.concat(Stream.fromIterable(events), Stream.unwrap(Effect.as(committed, callModel))),
      ),
    )

    const callModel: Events = Stream.suspend(() => {
      const answer = Answer.make(ids)
      let salvaged = false
      let replaced = false
      const onAiError = (error: AiError.AiError): Events => {
        const reduced = answer.summary().begun ? Option.none() : remove(messages, error)
        if (Option.isSome(reduced)) {
          messages = reduced.value.messages
          replaced = true
          return Stream.unwrap(Effect.as(reduced.value.warning, step))
        }
        const events = answer.salvage(error)
        if (events === undefined) {
          const failed = Stream.unwrap(Effect.map(Failure.ofAiError(error), Stream.fail))
          return !answer.summary().begun && error._tag === "HttpResponseError"
            ? Stream.concat(
                Stream.fromIterableEffect(Effect.map(recorder.refused, ({ events }) => events)),
                failed,
              )
            : failed
        }
        salvaged = true
        return Stream.fromIterable(events)
      }
      const { idleTimeout, model } = options
      return send({ model, messages, toolkit, idleTimeout, spans }, answer).pipe(
        Stream.catchAll((error) => (error._tag === "ExecutorError" ? Stream.fail(error) : onAiError(error))),
        Stream.concat(Stream.suspend(() => (replaced ? Stream.empty : afterAnswer(answer, salvaged)))),
      )
    })

    /** Settles the calls that earlier parts and attempts left open, before the first request to the model. */
    const settleAndStep = Stream.suspend((): Events => {
      const settled = new Map<string, RequestSnapshot.MessagePart>()
      const before = Option.getOrUndefined(RecordedAnswers.last(attempts))
      if (before?.continues === false && !inbox.pending()) return finished
      if (settledSteps >= maxSteps) return Stream.fail(Failure.stepLimit(maxSteps))
      // A retry has the answers of the run that it repeats, and no part that waited for them.
      const open = (before?.open ?? []).filter(
        ({ toolCallId, toolName }) => !(clientNames.has(toolName) && givenResults.has(toolCallId)),
      )
      const decisionOn = (call: RequestedCall) => Approvals.decisionOn(handlers.tools, run.snapshot, call)
      const decisions = Stream.fromIterable([
        ...Approvals.decisions(handlers.tools, run.snapshot, attempts),
        ...open.flatMap((call) => {
          const decision = waitsFor(call) ? decisionOn(call) : { approved: true }
          return decision === undefined ? [] : [{ ...call, ...decision }]
        }),
      ]).pipe(
        Stream.flatMap(
          (decision) =>
            workerCalls.settle(decision, (toolCallId, result) =>
              settled.set(toolCallId, ToolResults.partOf(toolCallId, result)),
            ),
          { concurrency },
        ),
      )
      const prompt = Effect.suspend(() =>
        ModelPrompt.make({
          system: options.system,
          provider: options.provider,
          snapshot: run.snapshot,
          attempts,
          settled,
        }),
      )
      const firstStep = Effect.map(prompt, (made) => {
        messages = made
        return step
      })
      const waiting = open.filter((call) => waitsFor(call) && decisionOn(call) === undefined)
      const next = wait(waiting) ?? Stream.unwrap(firstStep)
      return Stream.concat(decisions, next)
    })

    return Stream.concat(Stream.fromIterable(ToolResults.ofDeadAttempts(attempts)), settleAndStep)
  })
