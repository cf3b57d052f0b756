/**
 * A remote agent that speaks AG-UI.
 */
import { Options } from "@effect/cli"
import { Effect, Option } from "effect"
import * as Flag from "../input/Flag.js"
import * as Describe from "../help/Describe.js"
import * as ExecutorFlag from "./ExecutorFlag.js"
import * as RemoteHeaders from "./RemoteHeaders.js"

const headerFlag = "ag-ui-header"

const secret = "RUNLEASE_AG_UI_AUTHORIZATION"

const options = Describe.grouped("A remote agent", {
  agUi: Flag.httpUrl("ag-ui").pipe(
    Options.withDescription("Where an AG-UI agent is; {agent_id} in it is replaced by the run's agent"),
    Options.optional,
  ),
  agUiHeader: RemoteHeaders.option(headerFlag, secret),
})

const loadExecutor = Effect.promise(() => import("@runlease/executor-ag-ui/AgUiExecutor"))

/** `--ag-ui URL` */
export const flag = ExecutorFlag.make({
  flag: "--ag-ui",
  example: "https://agents.example.com/{agent_id}",
  options,
  executor: ({ agUi, agUiHeader }) =>
    Option.map(agUi, (url) =>
      Effect.gen(function* () {
        const headers = yield* RemoteHeaders.read(headerFlag, secret, agUiHeader)
        const AgUiExecutor = yield* loadExecutor
        return AgUiExecutor.layerWith({ url, headers })
      }),
    ),
})
