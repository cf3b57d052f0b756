/**
 * A remote agent that speaks AG-UI.
 */
import { Options } from "@effect/cli"
import { Config, Effect, HashMap, Option, Redacted } from "effect"
import * as Flag from "../input/Flag.js"
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

const loadExecutor = Effect.promise(() => import("@runlease/executor-ag-ui/AgUiExecutor"))

/** `--ag-ui URL` */
export const flag = ExecutorFlag.make({
  flag: "--ag-ui",
  example: "https://agents.example.com/{agent_id}",
  options,
  executor: ({ agUi, agUiHeader }) =>
    Option.map(agUi, (url) =>
      Effect.zipWith(Effect.orDie(authorization), loadExecutor, (secret, AgUiExecutor) =>
        AgUiExecutor.layer({
          url,
          headers: {
            ...(Option.isSome(secret) ? { authorization: secret.value } : {}),
            ...Object.fromEntries(
              Option.match(agUiHeader, { onNone: () => [], onSome: HashMap.toEntries }).map(
                ([name, value]) => [name.toLowerCase(), Redacted.make(value)],
              ),
            ),
          },
        }),
      ),
    ),
})
