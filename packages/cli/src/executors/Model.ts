/**
 * A language model.
 */
import { Options } from "@effect/cli"
import { Effect, Layer, Option } from "effect"
import { usage } from "../output/ExitCode.js"
import * as Flag from "../input/Flag.js"
import * as Describe from "../help/Describe.js"
import * as ExecutorFlag from "./ExecutorFlag.js"
import * as McpServers from "./McpServers.js"

const options = Describe.grouped("A language model", {
  model: Options.text("model").pipe(
    Options.withDescription(
      "openai:NAME, anthropic:NAME, or openai-chat:NAME (key: OPENAI_API_KEY or ANTHROPIC_API_KEY)",
    ),
    Options.optional,
  ),
  modelBaseUrl: Flag.httpUrl("model-base-url").pipe(
    Options.withDescription("Another server of the model's API, such as http://127.0.0.1:11434/v1"),
    Options.optional,
  ),
  system: Options.text("system").pipe(Options.withDescription("The system prompt"), Options.optional),
  mcp: Options.text("mcp").pipe(
    Options.withDescription(
      "Tools for the model: NAME=URL or NAME=COMMAND of an MCP server; may be repeated (token of a URL: MCP_TOKEN_NAME)",
    ),
    Options.repeated,
  ),
})

/** Loaded only for a worker that uses a model, since the providers' modules are large. */
const modules = Effect.promise(() => import("@runlease/executor-ai"))

const hint =
  "Set OPENAI_API_KEY or ANTHROPIC_API_KEY, or name a server of your own with --model-base-url, such as " +
  "--model openai-chat:llama3 --model-base-url http://127.0.0.1:11434/v1"

/** `--model openai:gpt-4o` */
export const flag = ExecutorFlag.make({
  flag: "--model",
  example: "openai:gpt-4o",
  options,
  executor: ({ mcp, model, modelBaseUrl, system }) =>
    Option.map(model, (name) =>
      Effect.map(Effect.zip(modules, McpServers.parseAll(mcp)), ([{ AiExecutor, AiModel }, servers]) =>
        AiExecutor.layerWith({
          mcp: servers,
          ...(Option.isSome(system) ? { system: system.value } : {}),
        }).pipe(
          Layer.provide(AiModel.fromName(name, { baseUrl: Option.getOrUndefined(modelBaseUrl) })),
          Layer.mapError((error) =>
            error._tag === "UnknownModel" || error._tag === "ProviderMissing"
              ? usage(error.message)
              : usage(`The model ${name} cannot be used: its key is not set`, hint),
          ),
        ),
      ),
    ),
})
