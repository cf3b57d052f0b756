/** The calls that a worker makes itself: each at most as often as its tool allows, whatever attempt had begun it. */
import { AiError, Tool, type Toolkit } from "@effect/ai"
import { AgentEvent, ControlPlaneUnavailable, Executor, ToolCalls } from "@runlease/core"
import type { ControlPlane, Run } from "@runlease/core"
import { Cause, Context, Effect, Exit, Option, Predicate, Schema, Stream } from "effect"
import * as AiTool from "../AiTool.js"
import type { Asked } from "./Answer.js"
import * as Approvals from "./Approvals.js"
import * as Failure from "./Failure.js"
import * as Results from "./Results.js"
import * as ToolContent from "./ToolContent.js"

/** What a call came to, for the model and for the log. */
export interface Result extends Results.Result {
  readonly result: unknown
  /** Whether the call could be made at all. */
  readonly made: boolean
}

/** The largest result that has a place in the log, in UTF-16 units, of which none takes more than three bytes. */
const maxContent = 80_000

const contentOf = (result: unknown): string =>
  typeof result === "string" ? result : (JSON.stringify(result) ?? "null")

const fromValue = (value: unknown, isError: boolean, made = true): Result => {
  const result = value ?? null
  const content = contentOf(result)
  return content.length <= maxContent
    ? { result, content, isError, made }
    : fromValue(`The result is too large to be told: ${content.length} characters.`, true)
}

const uncertain = (toolName: string) =>
  fromValue(
    `It is uncertain whether this call of ${toolName} was made: an earlier attempt had begun it, and its result is not known. ` +
      "It was not made again. Do not repeat it; find out, or ask, what became of it.",
    true,
  )

/** A call that has no place among those that a worker can make, told to the model. */
export const refused = (problem: string): Result => fromValue(problem, true, false)

/** A toolkit with its handlers, as an executor calls it: by name, with what the model gave. */
export interface Handlers {
  readonly tools: Readonly<Record<string, Tool.Any>>
  readonly handle: (
    toolName: string,
    params: unknown,
  ) => Effect.Effect<Tool.HandlerResult<Tool.Any>, unknown, AiTool.CurrentCall | ControlPlane.ProjectPorts>
}

export const none: Handlers = {
  tools: {},
  handle: (toolName) => Effect.dieMessage(`There is no tool ${toolName}`),
}

/** The handlers of a toolkit, with the services that they need. */
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

/** What a handler's failure is: the model's to know, or the end of the run. */
const ofFailure = (tool: Tool.Any, error: unknown): Effect.Effect<Result, Executor.ExecutorError> => {
  if (AiError.isAiError(error) && Predicate.hasProperty(error, "module") && error.module === "Toolkit") {
    return error._tag === "MalformedOutput"
      ? Effect.succeed(
          refused(
            `The arguments do not fit ${tool.name}: ${Predicate.hasProperty(error.cause, "message") ? String(error.cause.message) : (error.description ?? "")}`,
          ),
        )
      : Effect.fail(Failure.toolDefect(tool.name, error))
  }
  return Effect.succeed(fromValue(encodeFailure(tool, error), true))
}

/** Takes the result of a call. */
export type Settle = (toolCallId: string, result: Result) => void

type Events = ReadonlyArray<AgentEvent.AgentEvent>

type Calls = Stream.Stream<AgentEvent.AgentEvent, Executor.ExecutorError, ControlPlane.ProjectPorts>

/** Makes the calls of one attempt. */
export const make = (options: { readonly run: Run.ClaimedRun; readonly handlers: Handlers }) => {
  const { handlers, run } = options

  const execute = Effect.fnUntraced(function* (
    tool: Tool.Any,
    asked: Asked,
    ordinal: number,
  ): Effect.fn.Return<Result, Executor.ExecutorError, ControlPlane.ProjectPorts> {
    if (AiTool.sideEffectOf(tool) === "atMostOnce") {
      yield* ControlPlaneUnavailable.retryUnavailable(ToolCalls.committed(run, asked.toolCallId)).pipe(
        Effect.mapError(Failure.ofControlPlane),
      )
    }
    const key = yield* ToolCalls.keyOf(run, { ...asked, ordinal })
    const exit = yield* handlers
      .handle(tool.name, asked.params)
      .pipe(
        Effect.provideService(AiTool.CurrentCall, { run, toolCallId: asked.toolCallId, key }),
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

  const settled = (toolCallId: string, result: Result, settle: Settle): Events => {
    settle(toolCallId, result)
    return [Results.eventOf(toolCallId, result)]
  }

  const unsure = ({ toolCallId, toolName }: Asked, begun: ToolCalls.AskedCall, begunAs: string): Events => [
    AgentEvent.custom(ToolCalls.uncertainEventName, { toolCallId, toolName, args: begun.args, begunAs }),
  ]

  return {
    /** The events of a call, from the end of its arguments to its result, which is given to `settle` as well. */
    perform: (asked: Asked, taken: ToolCalls.Taken, settle: Settle): Calls => {
      const { toolCallId, toolName } = asked
      const tool = toolOf(toolName)
      const done = (result: Result) => settled(toolCallId, result, settle)
      const outcome = Effect.suspend(
        (): Effect.Effect<Events, Executor.ExecutorError, ControlPlane.ProjectPorts> => {
          if (asked.problem !== undefined) return Effect.succeed(done(refused(asked.problem)))
          if (tool === undefined) return Effect.succeed(done(refused(`There is no tool ${toolName}`)))
          return ToolCalls.Verdict.$match(taken.verdict(AiTool.sideEffectOf(tool)), {
            Execute: () => Effect.map(execute(tool, asked, taken.ordinal), done),
            Reuse: ({ result: { content, isError } }) =>
              Effect.succeed(
                done({
                  result: ToolContent.ofText(content),
                  content: contentOf(content),
                  isError,
                  made: true,
                }),
              ),
            Uncertain: ({ call }) =>
              Effect.succeed([...unsure(asked, call, call.toolCallId), ...done(uncertain(toolName))]),
          })
        },
      )
      return Stream.concat(
        Stream.make(AgentEvent.toolCallEnd(toolCallId)),
        Stream.fromIterableEffect(outcome),
      )
    },

    /** The events of a call that an earlier part of the run asked to be approved. */
    decide: (call: Approvals.Decided, settle: Settle): Calls => {
      const { approved, begun, ordinal, ...asked } = call
      const { toolCallId, toolName } = asked
      const tool = toolOf(toolName)
      const done = (result: Result) => settled(toolCallId, result, settle)
      if (!approved) return Stream.fromIterable(done(fromValue(Approvals.declined, true)))
      if (tool === undefined) return Stream.fromIterable(done(refused(`There is no tool ${toolName}`)))
      if (begun && AiTool.sideEffectOf(tool) === "atMostOnce") {
        return Stream.fromIterable([...unsure(asked, asked, toolCallId), ...done(uncertain(toolName))])
      }
      return Stream.concat(
        Stream.make(AgentEvent.custom(ToolCalls.begunEventName, { toolCallId })),
        Stream.fromIterableEffect(Effect.map(execute(tool, asked, ordinal), done)),
      )
    },
  }
}
