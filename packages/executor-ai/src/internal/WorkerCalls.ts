/** Makes the calls of a worker's tools, each at most as often as its tool allows over all attempts. */
import { AiError, Tool, type Toolkit } from "@effect/ai"
import { AgentEvent, ControlPlaneUnavailable, Executor } from "@runlease/core"
import { StepLog, ToolArguments, ToolCalls, TrialCalls } from "@runlease/core/executor"
import type { ControlPlane, Run } from "@runlease/core"
import { Cause, Context, Effect, Either, Exit, Option, Predicate, Schema, Stream } from "effect"
import * as AiTool from "../AiTool.js"
import * as Approvals from "./Approvals.js"
import * as CallArguments from "./CallArguments.js"
import * as Failure from "./Failure.js"
import type { GenAiSpans } from "./GenAiSpans.js"
import type { RequestedCall } from "./RequestedCall.js"
import * as ToolResults from "./ToolResults.js"

export interface Result extends ToolResults.Result {
  /** False when the call cannot be made, such as one with malformed arguments. */
  readonly made: boolean
}

/** The largest result in the log, in UTF-16 units. A unit takes at most three bytes. */
const maxContent = 80_000

const contentOf = (result: unknown): string =>
  typeof result === "string" ? result : (JSON.stringify(result) ?? "null")

const fromValue = (value: unknown, isError: boolean, made = true): Result => {
  const content = contentOf(value ?? null)
  return content.length <= maxContent
    ? { content, isError, made }
    : fromValue(`The result is too large to be shown: ${content.length} characters.`, true)
}

const uncertain = (toolName: string) =>
  fromValue(
    `It is uncertain whether this call of ${toolName} was made: an earlier attempt had begun it, and its result was not recorded. ` +
      "It was not made again. Do not repeat it; find out, or ask, what became of it.",
    true,
  )

/** The result of a call that the worker cannot make. */
export const refusal = (problem: string): Result => fromValue(problem, true, false)

/** The result of a call in a trial, which was not made. */
const ofTrial = ({ content, isError }: TrialCalls.Result): Result => fromValue(content, isError)

/** A toolkit with its handlers, called by name with the parameters of the model. */
export interface Handlers {
  readonly tools: Readonly<Record<string, Tool.Any>>
  readonly handle: (
    toolName: string,
    params: unknown,
  ) => Effect.Effect<
    { readonly encodedResult: unknown; readonly isFailure: boolean },
    unknown,
    AiTool.CurrentCall | ControlPlane.ProjectPorts
  >
}

export const none: Handlers = {
  tools: {},
  handle: (toolName) => Effect.dieMessage(`There is no tool ${toolName}`),
}

/** The handlers of a toolkit with the services that they require. */
export const fromToolkit = <Tools extends Record<string, Tool.Any>>(
  toolkit: Toolkit.WithHandler<Tools>,
  context: Context.Context<
    Exclude<Tool.Requirements<Tools[keyof Tools]>, AiTool.CurrentCall | ControlPlane.ProjectPorts>
  >,
): Handlers => ({
  tools: toolkit.tools,
  handle: (toolName, params) =>
    Effect.mapInputContext(
      toolkit.handle(toolName, params as Tool.Parameters<Tools[string]>),
      (call: Context.Context<AiTool.CurrentCall | ControlPlane.ProjectPorts>) =>
        Context.merge(context, call) as Context.Context<Tool.Requirements<Tools[string]>>,
    ),
})

const encodeFailure = (tool: Tool.Any, error: unknown): unknown =>
  Option.getOrElse(
    Schema.encodeUnknownOption(tool.failureSchema as Schema.Schema<unknown, unknown>)(error),
    () => (Predicate.hasProperty(error, "message") ? error.message : String(error)),
  )

/** The model receives the expected failure of a handler, or the error of its arguments. Other errors end the run. */
const ofFailure = (tool: Tool.Any, error: unknown): Effect.Effect<Result, Executor.ExecutorError> => {
  if (AiError.isAiError(error) && Predicate.hasProperty(error, "module") && error.module === "Toolkit") {
    return error._tag === "MalformedOutput"
      ? Effect.succeed(
          refusal(
            `The arguments do not fit ${tool.name}: ${Predicate.hasProperty(error.cause, "message") ? String(error.cause.message) : (error.description ?? "")}`,
          ),
        )
      : Effect.fail(Failure.toolDefect(tool.name, error))
  }
  return Effect.succeed(fromValue(encodeFailure(tool, error), true))
}

/** Receives the result of a call. */
export type OnResult = (toolCallId: string, result: Result) => void

type Events = ReadonlyArray<AgentEvent.AgentEvent>

type Calls = Stream.Stream<AgentEvent.AgentEvent, Executor.ExecutorError, ControlPlane.ProjectPorts>

/** Makes the calls of one attempt. */
export const make = (options: {
  readonly run: Run.ClaimedRun
  readonly handlers: Handlers
  readonly spans: GenAiSpans
}) => {
  const { handlers, run, spans } = options
  const { resultOf } = TrialCalls.make(run.snapshot.trial)

  const execute = Effect.fnUntraced(function* (
    tool: Tool.Any,
    call: RequestedCall,
    ordinal: number,
  ): Effect.fn.Return<Result, Executor.ExecutorError, ControlPlane.ProjectPorts> {
    if (AiTool.sideEffectOf(tool) === "atMostOnce") {
      yield* ControlPlaneUnavailable.retryUnavailable(ToolCalls.committed(run, call.toolCallId)).pipe(
        Effect.mapError(Failure.ofControlPlane),
      )
    }
    const key = yield* ToolCalls.keyOf(run, { ...call, ordinal })
    const exit = yield* handlers.handle(tool.name, call.params).pipe(
      spans.tool(call, () => CallArguments.shown(handlers.tools, [], call, ToolArguments.maxBytes)),
      Effect.provideService(AiTool.CurrentCall, { run, toolCallId: call.toolCallId, key }),
      Effect.exit,
    )
    if (Exit.isSuccess(exit)) return fromValue(exit.value.encodedResult, exit.value.isFailure)
    const failed = Cause.failureOption(exit.cause)
    if (Option.isSome(failed)) return yield* ofFailure(tool, failed.value)
    const defect = Cause.dieOption(exit.cause)
    if (Option.isSome(defect)) return yield* Failure.toolDefect(tool.name, defect.value)
    return yield* Effect.interrupt
  })

  const toolOf = (name: string) => (Object.hasOwn(handlers.tools, name) ? handlers.tools[name] : undefined)

  const report = (toolCallId: string, result: Result, onResult: OnResult): Events => {
    onResult(toolCallId, result)
    return [ToolResults.eventOf(toolCallId, result)]
  }

  const uncertainEvents = (
    { toolCallId, toolName }: RequestedCall,
    begun: ToolCalls.CallRequest,
    begunAs: string,
  ): Events => [
    AgentEvent.reserved(ToolCalls.uncertainEventName, { toolCallId, toolName, args: begun.args, begunAs }),
  ]

  /** A drain waits for a call that must not happen twice, until the log has its result. Once it has begun, no such call begins. */
  const unlessDrained = (toolName: string, calls: Calls): Calls => {
    const tool = toolOf(toolName)
    if (tool === undefined || AiTool.sideEffectOf(tool) !== "atMostOnce") return calls
    return Stream.unwrap(
      Effect.flatMap(
        Effect.serviceOption(StepLog.StepLog),
        Option.match({
          onNone: () => Effect.succeed(calls),
          onSome: (log) =>
            Effect.map(log.steps().drainHold.enter, (leave) =>
              Stream.concat(calls, Stream.execute(Effect.sync(leave))),
            ),
        }),
      ),
    )
  }

  return {
    /**
     * Makes a call when `recorded` ends: when the log has the record of its answer. Its events begin with the end of the arguments.
     * `onResult` receives the result.
     */
    perform: (
      call: RequestedCall,
      count: ToolCalls.TakenCall,
      recorded: Effect.Effect<void>,
      onResult: OnResult,
    ): Calls => {
      const { problem, toolCallId, toolName } = call
      const tool = toolOf(toolName)
      const done = (result: Result) => report(toolCallId, result, onResult)
      const outcome = Effect.suspend(
        (): Effect.Effect<Events, Executor.ExecutorError, ControlPlane.ProjectPorts> => {
          if (problem !== undefined) return Effect.succeed(done(refusal(problem)))
          const inTrial = resultOf(call, count.ordinal)
          if (inTrial !== undefined) return Effect.succeed(done(ofTrial(inTrial)))
          if (tool === undefined) return Effect.succeed(done(refusal(`There is no tool ${toolName}`)))
          return ToolCalls.Verdict.$match(count.verdict(AiTool.sideEffectOf(tool)), {
            Execute: () => Effect.map(execute(tool, call, count.ordinal), done),
            Reuse: ({ result: { content, isError } }) =>
              Effect.succeed(done({ content: contentOf(content), isError, made: true })),
            Uncertain: ({ call: begun }) =>
              Effect.succeed([
                ...uncertainEvents(call, begun, begun.toolCallId),
                ...done(uncertain(toolName)),
              ]),
          })
        },
      )
      return unlessDrained(
        toolName,
        Stream.concat(
          Stream.make(AgentEvent.toolCallEnd(toolCallId)),
          Stream.fromIterableEffect(Effect.zipRight(recorded, outcome)),
        ),
      )
    },

    /** Settles a call of an earlier part of the run, now that a person has approved or declined it. */
    settle: (decision: Approvals.Decision, onResult: OnResult): Calls => {
      const { approved, begun, edits, ordinal, reason, ...call } = decision
      const { problem, toolCallId, toolName } = call
      const tool = toolOf(toolName)
      const done = (result: Result) => report(toolCallId, result, onResult)
      if (!approved) return Stream.fromIterable(done(fromValue(Approvals.declineMessage(reason), true)))
      if (problem !== undefined) return Stream.fromIterable(done(refusal(problem)))
      const inTrial = resultOf(call, ordinal)
      if (inTrial !== undefined) return Stream.fromIterable(done(ofTrial(inTrial)))
      if (tool === undefined) return Stream.fromIterable(done(refusal(`There is no tool ${toolName}`)))
      if (begun && AiTool.sideEffectOf(tool) === "atMostOnce") {
        return Stream.fromIterable([...uncertainEvents(call, call, toolCallId), ...done(uncertain(toolName))])
      }
      const params =
        edits === undefined ? Either.right(call.params) : CallArguments.edited(handlers.tools, call, edits)
      if (Either.isLeft(params)) {
        return Stream.fromIterable(
          done(refusal(`A person edited the arguments of this call: ${params.left}.`)),
        )
      }
      const made = execute(tool, { ...call, params: params.right }, ordinal)
      return unlessDrained(
        toolName,
        Stream.concat(
          Stream.make(AgentEvent.reserved(ToolCalls.begunEventName, { toolCallId })),
          Stream.fromIterableEffect(
            Effect.map(made, (result) => done(edits === undefined ? result : { ...result, edits })),
          ),
        ),
      )
    },
  }
}
