/**
 * Runs a language model as an executor, through `@effect/ai`. It takes the Layer of any provider, tools of the worker and
 * tools of the client.
 *
 * ```ts
 * const agent = AiExecutor.layerWith({ toolkit, system: "You are helpful." }).pipe(
 *   Layer.provide(toolkit.toLayer(handlers)),
 *   Layer.provide(AiModel.fromName("anthropic:claude-sonnet-4-5")),
 * )
 * Worker.run().pipe(Effect.provide([agent, store]))
 * ```
 *
 * The model works in steps. A step streams one answer of the model, runs the handlers of the tools that it calls, and adds
 * their results to the next request. The run ends with the first answer that calls no tool.
 *
 * The tools of the request (AG-UI `tools`) belong to the client. When the model calls some of them, the worker first
 * finishes its own calls. The run then waits with one interrupt for each call of the client, and continues with their
 * results. A tool of the worker hides a tool of the client with the same name.
 *
 * Content that the model cannot use, such as a file of an unsupported type, is left out with a warning.
 *
 * A whole answer is recorded in the log of the run. When the worker dies, the next attempt continues after it, and makes the calls
 * that have no result yet. An answer that broke off is requested again.
 *
 * The model receives the expected failures of a handler, and the error of arguments that do not fit. `AiTool.SideEffect`
 * decides whether a call that an earlier attempt had begun is made again.
 *
 * Each step reports its tokens (`TokenUsage` of core). The event that ends this part of the run holds their sum. The run's
 * metadata gets `usage`: tokens over all steps and attempts, the number of steps, the model and its finish reason.
 */
import { LanguageModel, Model, type Tool, type Toolkit } from "@effect/ai"
import { type ControlPlane, Executor } from "@runlease/core"
import { Config, Duration, Effect, Layer, Option, Stream } from "effect"
import type * as AiTool from "./AiTool.js"
import type * as McpServer from "./McpServer.js"
import * as McpTools from "./internal/McpTools.js"
import * as ModelLoop from "./internal/ModelLoop.js"
import { ModelName } from "./internal/ModelName.js"
import * as WorkerCalls from "./internal/WorkerCalls.js"

/**
 * The bounds of a run, and the tools and the system message of its model.
 *
 * Units: `maxSteps` counts the answers of the model over the whole run, without those that broke off. `idleTimeout` is
 * the longest silence of the model. `answerWithin` is how long a run waits for the results of the client's tools.
 */
export interface Options<Tools extends Record<string, Tool.Any> = {}> {
  /** The tools that this worker runs. Their handlers come from the toolkit's own Layer. Default: none. */
  readonly toolkit?: Toolkit.Toolkit<Tools>
  /** Servers whose tools the model may call too. Default: none. */
  readonly mcp?: ReadonlyArray<McpServer.McpServer> | undefined
  /** A system message, before the system messages of the request. Default: none. */
  readonly system?: string
  /** Default: 16. The run then fails with code `step_limit`. */
  readonly maxSteps?: number
  /** How many calls of one step run at once. Default: 4. */
  readonly toolConcurrency?: number
  /** How many steps in a row may consist of calls that cannot be made. Default: 3. */
  readonly maxMalformedSteps?: number
  /** Default: 5 minutes. The run is then tried again. */
  readonly idleTimeout?: Duration.DurationInput
  /** Default: for ever. The run then fails with code `wait_expired`. */
  readonly answerWithin?: Duration.DurationInput
}

/** The variable of OpenTelemetry that lets spans have the contents of requests to a model and to its tools. */
const capturesContent = Config.boolean("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT").pipe(
  Config.withDefault(false),
  Effect.catchAll((error) => Effect.as(Effect.logWarning(`It counts as false: ${error}`), false)),
)

/** The services that an executor over these tools requires, besides a model. */
export type Needs<Tools extends Record<string, Tool.Any>> =
  | Tool.HandlersFor<Tools>
  | Exclude<Tool.Requirements<Tools[keyof Tools]>, AiTool.CurrentCall | ControlPlane.ProjectPorts>

/**
 * An executor over the model of the context.
 *
 * Its runs fail with these codes. Retryable, each after the time that the server requests: `model_rate_limited`,
 * `model_unavailable`, `model_unreachable`, `model_timeout`, `model_stream_broken`, `mcp_unavailable`. Not retryable: `model_unauthorized`,
 * `model_forbidden`, `model_not_found`, `model_request_refused`, `model_quota_exhausted`, `model_input_unsupported`,
 * `model_output_malformed`, `model_output_too_large`, `step_limit`, `tool_arguments_malformed`, `tool_defect`, `bad_tools`,
 * `mcp_package_missing`.
 * `model_error` is retryable if the type of the provider's error says so.
 */
export const make = Effect.fnUntraced(function* <Tools extends Record<string, Tool.Any> = {}>(
  options: Options<Tools> = {},
) {
  const model = yield* LanguageModel.LanguageModel
  const provider = Option.getOrUndefined(yield* Effect.serviceOption(Model.ProviderName))
  const servers = options.mcp ?? []
  const own =
    options.toolkit === undefined
      ? WorkerCalls.none
      : WorkerCalls.fromToolkit(
          yield* options.toolkit,
          yield* Effect.context<
            Exclude<Tool.Requirements<Tools[keyof Tools]>, AiTool.CurrentCall | ControlPlane.ProjectPorts>
          >(),
        )
  const start = ModelLoop.make({
    model,
    provider,
    spans: {
      provider,
      model: Option.getOrUndefined(yield* Effect.serviceOption(ModelName)),
      captures: yield* capturesContent,
    },
    handlers: servers.length === 0 ? Effect.succeed(own) : McpTools.withServers(own, servers),
    system: options.system,
    maxSteps: options.maxSteps ?? 16,
    toolConcurrency: options.toolConcurrency ?? 4,
    maxMalformedSteps: options.maxMalformedSteps ?? 3,
    idleTimeout: Duration.decode(options.idleTimeout ?? "5 minutes"),
    answerWithin: options.answerWithin,
  })
  return Executor.Executor.of({ execute: (run) => Stream.unwrapScoped(start(run)) })
})

/** Provides a worker with an executor over the model of the context. */
export const layerWith = <Tools extends Record<string, Tool.Any> = {}>(
  options: Options<Tools>,
): Layer.Layer<Executor.Executor, never, LanguageModel.LanguageModel | Needs<Tools>> =>
  Layer.effect(Executor.Executor, make(options))

/** As `layerWith`, with every option as it is when absent. */
export const layer: Layer.Layer<Executor.Executor, never, LanguageModel.LanguageModel> = layerWith({})
