/**
 * A language model.
 */
import { Options } from "@effect/cli"
import type { McpServer } from "@runlease/executor-ai"
import { Config, Effect, Layer, Option, Redacted } from "effect"
import { parseArgsStringToArgv } from "string-argv"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import * as ExecutorFlag from "./ExecutorFlag.js"

type Server = McpServer.McpServer

const named = /^([A-Za-z0-9_-]{1,32})=(.+)$/s

/** The token of a server at an address, which does not belong on the command line. */
const tokenOf = (name: string) =>
  Config.option(Config.redacted(`MCP_TOKEN_${name.toUpperCase().replaceAll("-", "_")}`)).pipe(
    Effect.orElseSucceed(() => Option.none<Redacted.Redacted>()),
  )

const remote = (name: string, url: string): Effect.Effect<Server, CommandFailure> =>
  URL.canParse(url)
    ? Effect.map(tokenOf(name), (token) => ({
        name,
        url,
        ...(Option.isSome(token)
          ? { headers: { authorization: Redacted.make(`Bearer ${Redacted.value(token.value)}`) } }
          : {}),
      }))
    : Effect.fail(usage(`--mcp ${name} is no URL: ${url}`))

/** A server: `NAME=URL`, or `NAME=COMMAND` with its arguments. */
const parse = (text: string): Effect.Effect<Server, CommandFailure> => {
  const [, name, place] = named.exec(text) ?? []
  if (name === undefined || place === undefined) {
    return Effect.fail(
      usage(
        `--mcp must be NAME=URL or NAME=COMMAND, and not ${JSON.stringify(text)}`,
        "Such as --mcp tickets=https://tickets.example.com/mcp, or --mcp 'files=npx -y @modelcontextprotocol/server-filesystem .'",
      ),
    )
  }
  if (/^https?:/i.test(place)) return remote(name, place)
  const [command, ...args] = parseArgsStringToArgv(place)
  return command === undefined
    ? Effect.fail(usage(`--mcp ${name} names no command`))
    : Effect.succeed({ name, command, args })
}

/** The servers, each with a unique name. */
const parseAll = (texts: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Server>, CommandFailure> =>
  Effect.flatMap(Effect.forEach(texts, parse), (servers) => {
    const names = servers.map(({ name }) => name)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    return twice === undefined
      ? Effect.succeed(servers)
      : Effect.fail(usage(`Two of --mcp have the name ${twice}`))
  })

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
      Effect.map(Effect.zip(modules, parseAll(mcp)), ([{ AiExecutor, AiModel }, servers]) =>
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
