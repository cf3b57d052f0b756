/**
 * A remote agent that speaks AG-UI.
 */
import { Options } from "@effect/cli"
import { Config, Effect, HashMap, Option, Redacted } from "effect"
import * as Flag from "../input/Flag.js"
import { usage } from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import * as ExecutorFlag from "./ExecutorFlag.js"

const options = Describe.grouped("A remote agent", {
  agUi: Flag.httpUrl("ag-ui").pipe(
    Options.withDescription("Where an AG-UI agent is; {agent_id} in it stands for the run's agent"),
    Options.optional,
  ),
  agUiHeader: Options.keyValueMap("ag-ui-header").pipe(
    Options.withDescription("A header, repeatable; RUNLEASE_AG_UI_AUTHORIZATION sets that one"),
    Options.optional,
  ),
})

const authorization = Config.option(Config.redacted("RUNLEASE_AG_UI_AUTHORIZATION"))

/** Fails for a header that no request can have. */
const checkHeader = ([name, value]: readonly [string, string]) =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
    ? Effect.succeed([name.toLowerCase(), Redacted.make(value)] as const)
    : usage(
        `--ag-ui-header: ${JSON.stringify(name)} is no header with a value that can be sent`,
        "A name has letters, digits and dashes, and a value no line end.",
      )

const loadExecutor = Effect.promise(() => import("@runlease/executor-ag-ui/AgUiExecutor"))

/** `--ag-ui URL` */
export const flag = ExecutorFlag.make({
  flag: "--ag-ui",
  example: "https://agents.example.com/{agent_id}",
  options,
  executor: ({ agUi, agUiHeader }) =>
    Option.map(agUi, (url) =>
      Effect.gen(function* () {
        const secret = yield* Effect.orDie(authorization)
        const given = Option.match(agUiHeader, { onNone: () => [], onSome: HashMap.toEntries })
        const headers = yield* Effect.forEach(given, checkHeader)
        const AgUiExecutor = yield* loadExecutor
        return AgUiExecutor.layerWith({
          url,
          headers: {
            ...(Option.isSome(secret) ? { authorization: secret.value } : {}),
            ...Object.fromEntries(headers),
          },
        })
      }),
    ),
})
