/**
 * A remote agent that speaks A2A.
 */
import { Options } from "@effect/cli"
import { Effect, Option, Schema } from "effect"
import * as Flag from "../input/Flag.js"
import * as Describe from "../help/Describe.js"
import * as ExecutorFlag from "./ExecutorFlag.js"
import * as RemoteHeaders from "./RemoteHeaders.js"

const headerFlag = "a2a-header"

const secret = "RUNLEASE_A2A_AUTHORIZATION"

const Origin = Schema.String.pipe(
  Schema.filter((text) => /^https?:\/\/[^/]/.test(text) && URL.canParse(text), {
    message: () => "must be a URL that begins with http:// or https://",
  }),
)

const options = Describe.grouped("A remote agent", {
  a2a: Flag.httpUrl("a2a").pipe(
    Options.withDescription(
      "Where an A2A agent is, above its card; {agent_id} in it is replaced by the run's agent",
    ),
    Options.optional,
  ),
  a2aHeader: RemoteHeaders.option(headerFlag, secret),
  a2aOrigin: Flag.texts("a2a-origin", Origin).pipe(
    Options.withDescription(
      "Another origin that the agent's card may name, repeatable; it gets the headers too",
    ),
  ),
})

const loadExecutor = Effect.promise(() => import("@runlease/executor-a2a/A2aExecutor"))

/** `--a2a URL` */
export const flag = ExecutorFlag.make({
  flag: "--a2a",
  example: "https://agents.example.com/{agent_id}",
  options,
  executor: ({ a2a, a2aHeader, a2aOrigin }) =>
    Option.map(a2a, (url) =>
      Effect.gen(function* () {
        const headers = yield* RemoteHeaders.read(headerFlag, secret, a2aHeader)
        const A2aExecutor = yield* loadExecutor
        return A2aExecutor.layerWith({ url, headers, origins: a2aOrigin })
      }),
    ),
})
