/**
 * The command that gives the worker of `runlease dev` something to do.
 */
import { WorkerMetadata, WorkerRegistry } from "@runlease/core"
import { Console, Effect, Option, Predicate } from "effect"
import * as DevKey from "../input/DevKey.js"
import * as EnvironmentKey from "../input/EnvironmentKey.js"
import * as Settings from "../input/Settings.js"
import * as Self from "../self/Self.js"

/** A value of the shape of a JSON Schema, to be filled in. */
const exampleOf = (schema: unknown): unknown => {
  if (!Predicate.isRecord(schema)) return null
  const { enum: values, exclusiveMinimum, minimum, properties, required, type } = schema
  if (Array.isArray(values)) return values[0]
  if (type === "string") return "…"
  if (type === "boolean") return false
  if (type === "array") return []
  if (type === "integer" || type === "number") {
    return Predicate.isNumber(exclusiveMinimum) ? exclusiveMinimum + 1 : (minimum ?? 0)
  }
  if (!Array.isArray(required) || !Predicate.isRecord(properties)) return type === "object" ? {} : null
  return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name])]))
}

/** What to submit: the payload of an agent that has a form, else a text. */
const inputOf = (form: unknown): string =>
  form === undefined ? "hello" : `--input '${JSON.stringify(exampleOf(form)).replaceAll("'", "'\\''")}'`

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
  const input = inputOf(worker?.forms?.[agent])
  const key = Option.isSome(yield* EnvironmentKey.configured)
    ? ""
    : `RUNLEASE_API_KEY=$(cat ${DevKey.fileName}) `
  const address = url === Settings.defaultUrl ? "" : ` --url ${url}`
  const runlease = yield* Self.invocation
  yield* Console.log(
    `Next, in another terminal: ${key}${runlease} submit${address} --agent ${agent} --watch ${input}`,
  )
})
