/** Remote agents that speak A2A or AG-UI. */
import { Options } from "@effect/cli"
import { Config, Effect, HashMap, Option, Redacted, Schema } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { usage } from "../output/ExitCode.js"
import * as ExecutorFlag from "./ExecutorFlag.js"

/** `--NAME-header`; `secret` is the variable that sets `authorization`. */
const headersOption = (flag: string, secret: string) =>
  Options.keyValueMap(flag).pipe(
    Options.withDescription(`A header, repeatable; ${secret} sets the header authorization`),
    Options.optional,
  )

/** Fails for a header that no request can have. */
const check =
  (flag: string) =>
  ([name, value]: readonly [string, string]) =>
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
      ? Effect.succeed([name.toLowerCase(), Redacted.make(value)] as const)
      : usage(
          `--${flag}: ${JSON.stringify(name)} is no header with a value that can be sent`,
          "A name has letters, digits and dashes, and a value no line end.",
        )

/** The headers, those of the flag before that of the environment. */
const readHeaders = (flag: string, secret: string, headers: Option.Option<HashMap.HashMap<string, string>>) =>
  Effect.gen(function* () {
    const authorization = yield* Effect.orDie(Config.option(Config.redacted(secret)))
    const entries = Option.match(headers, { onNone: () => [], onSome: HashMap.toEntries })
    return {
      ...(Option.isSome(authorization) ? { authorization: authorization.value } : {}),
      ...Object.fromEntries(yield* Effect.forEach(entries, check(flag))),
    }
  })

const a2aHeaderFlag = "a2a-header"

const a2aSecret = "RUNLEASE_A2A_AUTHORIZATION"

const Origin = Schema.String.pipe(
  Schema.filter((text) => /^https?:\/\/[^/]/.test(text) && URL.canParse(text), {
    message: () => "must be a URL that begins with http:// or https://",
  }),
)

const a2aOptions = Describe.grouped("A remote agent", {
  a2a: Flag.httpUrl("a2a").pipe(
    Options.withDescription(
      "Where an A2A agent is, above its card; {agent_id} in it is replaced by the run's agent",
    ),
    Options.optional,
  ),
  a2aHeader: headersOption(a2aHeaderFlag, a2aSecret),
  a2aOrigin: Flag.texts("a2a-origin", Origin).pipe(
    Options.withDescription(
      "Another origin that the agent's card may name, repeatable; it gets the headers too",
    ),
  ),
})

const loadA2a = Effect.promise(() => import("@runlease/executor-a2a/A2aExecutor"))

/** `--a2a URL` */
export const a2a = ExecutorFlag.make({
  flag: "--a2a",
  example: "https://agents.example.com/{agent_id}",
  options: a2aOptions,
  executor: ({ a2a, a2aHeader, a2aOrigin }) =>
    Option.map(a2a, (url) =>
      Effect.gen(function* () {
        const headers = yield* readHeaders(a2aHeaderFlag, a2aSecret, a2aHeader)
        const A2aExecutor = yield* loadA2a
        return A2aExecutor.layerWith({ url, headers, origins: a2aOrigin })
      }),
    ),
})

const agUiHeaderFlag = "ag-ui-header"

const agUiSecret = "RUNLEASE_AG_UI_AUTHORIZATION"

const agUiOptions = Describe.grouped("A remote agent", {
  agUi: Flag.httpUrl("ag-ui").pipe(
    Options.withDescription("Where an AG-UI agent is; {agent_id} in it is replaced by the run's agent"),
    Options.optional,
  ),
  agUiHeader: headersOption(agUiHeaderFlag, agUiSecret),
})

const loadAgUi = Effect.promise(() => import("@runlease/executor-ag-ui/AgUiExecutor"))

/** `--ag-ui URL` */
export const agUi = ExecutorFlag.make({
  flag: "--ag-ui",
  example: "https://agents.example.com/{agent_id}",
  options: agUiOptions,
  executor: ({ agUi, agUiHeader }) =>
    Option.map(agUi, (url) =>
      Effect.gen(function* () {
        const headers = yield* readHeaders(agUiHeaderFlag, agUiSecret, agUiHeader)
        const AgUiExecutor = yield* loadAgUi
        return AgUiExecutor.layerWith({ url, headers })
      }),
    ),
})
