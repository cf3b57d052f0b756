/**
 * A language model as an executor, through `@effect/ai`: any provider's Layer, tools in the worker, tools of the client.
 *
 * ```ts
 * const agent = AiExecutor.layer({ toolkit, system: "You are helpful." }).pipe(
 *   Layer.provide(toolkit.toLayer(handlers)),
 *   Layer.provide(AiModel.fromName("anthropic:claude-sonnet-4-5")),
 * )
 * Worker.run().pipe(Effect.provide([agent, store]))
 * ```
 *
 * The model is asked step by step: what it says is streamed, the tools it calls are run by their handlers, and their
 * results go into the next step, until it calls none. The tools that the request brings (AG-UI `tools`) are the client's:
 * when the model calls some of them, and all of the worker's are done, the run waits with an interrupt for each, and goes
 * on with their results. A tool of the worker hides one of the client that has its name.
 *
 * What the model cannot use, such as a file of a type that it does not take, is left out with a warning.
 *
 * Expected failures of a handler, and arguments that do not fit, are told to the model. What a tool may do when an earlier
 * attempt had begun it is said by `AiTool.SideEffect`.
 *
 * Each step reports its tokens (`TokenUsage` of core), which the event that ends the part of the run sums up. The run's
 * metadata gets `usage`: tokens over all steps and attempts, the number of steps, the model and why it stopped.
 *
 * @since 0.1.0
 */
import { type AiError, LanguageModel, Model, Prompt, type Tool, type Toolkit } from "@effect/ai"
import {
  AgentEvent,
  type ControlPlane,
  ControlPlaneUnavailable,
  Executor,
  Interrupt,
  PastAttempts,
  type RequestSnapshot,
  type Run,
  ToolCalls,
} from "@runlease/core"
import { Cause, Chunk, Duration, Effect, Layer, Option, Stream } from "effect"
import type * as AiTool from "./AiTool.js"
import * as Answer from "./internal/Answer.js"
import * as Approvals from "./internal/Approvals.js"
import * as Conversation from "./internal/Conversation.js"
import * as Failure from "./internal/Failure.js"
import * as Offered from "./internal/Offered.js"
import * as Results from "./internal/Results.js"
import * as UniqueIds from "./internal/UniqueIds.js"
import * as Unsupported from "./internal/Unsupported.js"
import * as Usage from "./internal/Usage.js"
import * as WorkerCalls from "./internal/WorkerCalls.js"

/**
 * Units: `maxSteps` counts requests to the model over the whole run, the attempts that died not counted. `idleTimeout` is
 * how long the model may say nothing. `answerWithin` is how long a run waits for the results of the client's tools.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<Tools extends Record<string, Tool.Any> = {}> {
  /** The tools that this worker runs. Their handlers come from the toolkit's own Layer. Default: none. */
  readonly toolkit?: Toolkit.Toolkit<Tools>
  /** What the model is told first, before whatever system messages the request holds. Default: nothing. */
  readonly system?: string
  /** Default: 16. The run then fails with code `step_limit`. */
  readonly maxSteps?: number
  /** How many calls of one step run at once. Default: 4. */
  readonly toolConcurrency?: number
  /** How many steps in a row may hold nothing but calls that cannot be made. Default: 3. */
  readonly maxMalformedSteps?: number
  /** Default: 5 minutes. The run is then tried again. */
  readonly idleTimeout?: Duration.DurationInput
  /** Default: for ever. The run then fails with code `wait_expired`. */
  readonly answerWithin?: Duration.DurationInput
}

/** What an executor over these tools needs beside a model. */
export type Needs<Tools extends Record<string, Tool.Any>> =
  | Tool.HandlersFor<Tools>
  | Exclude<Tool.Requirements<Tools[keyof Tools]>, AiTool.CurrentCall | ControlPlane.ProjectPorts>

/**
 * An executor that asks the model of the context.
 *
 * Fails, as the executor. Retryable: `model_rate_limited`, `model_unavailable`, `model_unreachable`, `model_timeout`,
 * `model_stream_broken`, each after what the server asks to wait. Not: `model_unauthorized`, `model_forbidden`,
 * `model_not_found`, `model_request_refused`, `model_quota_exhausted`, `model_input_unsupported`,
 * `model_output_malformed`, `model_output_too_large`, `step_limit`, `tool_arguments_malformed`, `tool_defect`, `bad_tools`. Either:
 * `model_error`, as the provider said.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* <Tools extends Record<string, Tool.Any> = {}>(
  options: Options<Tools> = {},
) {
  const model = yield* LanguageModel.LanguageModel
  const provider = Option.getOrUndefined(yield* Effect.serviceOption(Model.ProviderName))
  const handlers =
    options.toolkit === undefined
      ? WorkerCalls.none
      : WorkerCalls.fromToolkit(
          yield* options.toolkit,
          yield* Effect.context<
            Exclude<Tool.Requirements<Tools[keyof Tools]>, AiTool.CurrentCall | ControlPlane.ProjectPorts>
          >(),
        )
  const maxSteps = options.maxSteps ?? 16
  const maxMalformedSteps = options.maxMalformedSteps ?? 3
  const idleTimeout = Duration.decode(options.idleTimeout ?? "5 minutes")

  const start = Effect.fnUntraced(function* (run: Run.ClaimedRun) {
    const attempts = yield* ControlPlaneUnavailable.retryUnavailable(PastAttempts.read(run)).pipe(
      Effect.mapError(Failure.ofControlPlane),
    )
    const client = yield* Offered.clientTools(run.snapshot, handlers.tools)
    const clientNames = new Set(client.map(({ name }) => name))
    const toolkit = Offered.offer(handlers.tools, client)
    const workerCalls = WorkerCalls.make({ run, handlers })
    const calls = ToolCalls.after(attempts)
    const concurrency = options.toolConcurrency ?? 4

    let messages: ReadonlyArray<Prompt.Message> = []
    const steps = attempts.flatMap(Usage.stepsOf)
    // What dead attempts used is paid for as well, but their steps are made anew.
    let settledSteps = attempts.filter(({ waited }) => waited).flatMap(Usage.stepsOf).length
    let malformedSteps = 0

    const ids = UniqueIds.make(run, attempts)

    const finished = (outcome: AgentEvent.RunOutcome): AgentEvent.AgentEvent => ({
      type: "RUN_FINISHED",
      threadId: run.conversationId,
      runId: run.runId,
      outcome,
      metadata: { usage: Usage.sum(steps) },
    })

    /** The calls of a step, and then the next step or the wait for the client. */
    const afterCalls = (answered: Answer.Answered): Events => {
      const results = new Map<string, WorkerCalls.Result>()
      const waiting = answered.calls.filter(
        ({ problem, toolName }) =>
          problem === undefined &&
          (clientNames.has(toolName) || Approvals.isNeeded(handlers.tools, toolName)),
      )
      // In the order in which the model asked, which tells equal calls apart.
      const taken = answered.calls.map((asked) => ({ asked, taken: calls.take(asked) }))
      const performed = Stream.fromIterable(taken.filter(({ asked }) => !waiting.includes(asked))).pipe(
        Stream.flatMap(
          (call) => workerCalls.perform(call.asked, call.taken, (id, result) => results.set(id, result)),
          { concurrency },
        ),
      )
      return performed.pipe(
        Stream.concat(
          Stream.fromIterable(waiting.map(({ toolCallId }) => AgentEvent.toolCallEnd(toolCallId))),
        ),
        Stream.concat(
          Stream.suspend((): Events => {
            const [first, ...rest] = waiting.map((asked) =>
              clientNames.has(asked.toolName)
                ? Interrupt.ofToolCall(asked.toolCallId, asked.toolName)
                : Approvals.interruptOf(asked),
            )
            if (first !== undefined) {
              return Stream.fail(Executor.awaitAnswers([first, ...rest], options.answerWithin))
            }
            malformedSteps = Array.from(results.values()).some(({ made }) => made) ? 0 : malformedSteps + 1
            if (malformedSteps >= maxMalformedSteps) {
              return Stream.fail(Failure.argumentsMalformed(malformedSteps))
            }
            messages = [
              ...messages,
              Prompt.toolMessage({
                content: answered.calls.map(({ toolCallId, toolName }) => {
                  const { isError, result } = results.get(toolCallId)!
                  return Prompt.toolResultPart({
                    id: toolCallId,
                    name: toolName,
                    isFailure: isError,
                    result,
                    providerExecuted: false,
                  })
                }),
              }),
            ]
            return step
          }),
        ),
      )
    }

    const afterAnswer = (answered: Answer.Answered, broken: boolean): Events => {
      const { calls: asked, content, finish, model: modelName } = answered
      if (finish === undefined && !broken) return Stream.fail(Failure.unfinished(answered.begun))
      const told = finish === undefined ? [] : [Usage.stepOf(modelName, finish)]
      steps.push(...told)
      const reports = Stream.fromIterable(told.map(Usage.eventOf))
      if (finish?.reason === "error") {
        return Stream.concat(reports, Stream.fail(Failure.ofErrorPart("the answer ended with an error")))
      }
      settledSteps += 1
      if (content.length > 0) messages = [...messages, Prompt.assistantMessage({ content })]
      const goesOn = asked.length > 0 || finish?.reason === "pause"
      const rest: Events = !goesOn
        ? Stream.make(finished({ type: "success" }))
        : settledSteps >= maxSteps
          ? Stream.fail(Failure.stepLimit(maxSteps))
          : asked.length > 0
            ? afterCalls(answered)
            : step
      return Stream.concat(reports, rest)
    }

    /** One request to the model, and all that follows from its answer. */
    const step: Events = Stream.suspend(() => {
      const answer = Answer.make(ids)
      let broken = false
      let replaced = false
      const prompt = Prompt.fromMessages(messages)
      const parts =
        toolkit === undefined
          ? model.streamText({ prompt })
          : model.streamText({ prompt, toolkit, disableToolCallResolution: true })
      const failed = (error: AiError.AiError): Events => {
        const reduced = answer.end().begun ? Option.none() : Unsupported.reduce(messages, error)
        if (Option.isSome(reduced)) {
          messages = reduced.value.messages
          replaced = true
          return Stream.unwrap(Effect.as(reduced.value.warning, step))
        }
        const salvaged = answer.salvage(error)
        if (salvaged === undefined) return Stream.unwrap(Effect.map(Failure.ofAiError(error), Stream.fail))
        broken = true
        return Stream.fromIterable(salvaged)
      }
      return parts.pipe(
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
        Stream.catchAll((error) => (error._tag === "ExecutorError" ? Stream.fail(error) : failed(error))),
        Stream.concat(Stream.suspend(() => (replaced ? Stream.empty : afterAnswer(answer.end(), broken)))),
      )
    })

    /** What earlier parts have left to do, before the model is asked. */
    const approved = Stream.suspend((): Events => {
      const settled = new Map<string, RequestSnapshot.MessagePart>()
      return Stream.fromIterable(Approvals.decided(handlers.tools, run.snapshot, attempts)).pipe(
        Stream.flatMap(
          (call) =>
            workerCalls.decide(call, (toolCallId, { content: result, isError }) =>
              settled.set(toolCallId, { type: "tool_result", toolCallId, result, isError }),
            ),
          { concurrency },
        ),
        Stream.concat(
          Stream.unwrap(
            Effect.map(
              Conversation.make({
                system: options.system,
                provider,
                snapshot: run.snapshot,
                attempts,
                settled,
              }),
              (made) => {
                messages = made
                return step
              },
            ),
          ),
        ),
      )
    })

    return Stream.concat(Stream.fromIterable(Results.ofDeadAttempts(attempts)), approved)
  })

  return Executor.Executor.of({ execute: (run) => Stream.unwrap(start(run)) })
})

type Events = Stream.Stream<AgentEvent.AgentEvent, Executor.ExecutorFailure, ControlPlane.ProjectPorts>

/**
 * The executor of a worker that asks the model of the context.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <Tools extends Record<string, Tool.Any> = {}>(
  options: Options<Tools> = {},
): Layer.Layer<Executor.Executor, never, LanguageModel.LanguageModel | Needs<Tools>> =>
  Layer.effect(Executor.Executor, make(options))
