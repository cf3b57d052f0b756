/**
 * The command that submits a first run to the worker of `runlease dev`.
 */
import { WorkerMetadata, WorkerRegistry } from "@runlease/core"
import { Console, Effect, Option } from "effect"
import * as PayloadExample from "../output/PayloadExample.js"
import * as DevKey from "../input/DevKey.js"
import * as EnvironmentKey from "../input/EnvironmentKey.js"
import * as Settings from "../input/Settings.js"
import * as Self from "../self/Self.js"

/** What the newest worker says of itself. */
const metadata = Effect.gen(function* () {
  const registry = yield* WorkerRegistry.WorkerRegistry
  const { items } = yield* registry.list({ limit: 1 })
  return Option.getOrUndefined(WorkerMetadata.of(items[0]?.metadata))
}).pipe(Effect.orElseSucceed(() => undefined))

/** Prints the command for the agent that the command line names, else for the first one of the worker. */
export const printed = Effect.fnUntraced(function* (url: string, named: string | undefined) {
  const worker = yield* metadata
  const agent = named ?? worker?.agents?.[0] ?? "any"
  const input = PayloadExample.of(worker?.forms?.[agent])
  const key = Option.isSome(yield* EnvironmentKey.configured)
    ? ""
    : `RUNLEASE_API_KEY=$(cat ${DevKey.fileName}) `
  const address = url === Settings.defaultUrl ? "" : ` --url ${url}`
  const runlease = yield* Self.invocation
  yield* Console.log(
    `Next, in another terminal: ${key}${runlease} submit${address} --agent ${agent} --watch ${input}`,
  )
})
