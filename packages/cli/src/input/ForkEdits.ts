/**
 * The flags of what a fork has in place of what its run had.
 */
import { Options } from "@effect/cli"
import { Ids, type RunEdits } from "@runlease/core"
import { Effect, Either, Option } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import * as Flag from "./Flag.js"
import { inputOf, parse } from "./TextInput.js"

const form = /^(?<kind>step|tool|text|answer) (?<place>[^=]+)=(?<value>[\s\S]*)$/

/** The edit of a value as JSON. */
const edits = {
  step: (step: string, result: unknown): RunEdits.Edit => ({ type: "step", step, result }),
  tool: (toolCallId: string, result: unknown): RunEdits.Edit => ({ type: "tool", toolCallId, result }),
  answer: (interruptId: string, payload: unknown): RunEdits.Edit => ({
    type: "answer",
    interruptId,
    payload,
  }),
} as const

const isKind = (kind: string): kind is keyof typeof edits => Object.hasOwn(edits, kind)

const examples = `Give it as --set 'step search=["a"]', --set 'tool call_3={"ok": true}', --set 'answer refund={"approved": false}' or --set 'text MESSAGE=Shorter'.`

/** The edit of one `--set`. A problem never repeats the value, which may be secret. */
const ofSet = (text: string): Either.Either<RunEdits.Edit, CommandFailure> => {
  const { kind = "", place = "", value = "" } = form.exec(text)?.groups ?? {}
  const name = place.trim()
  if (name === "") return Either.left(usage("--set says what it edits, and the value", examples))
  if (!isKind(kind)) return Either.right({ type: "text", messageId: name, text: value })
  return Either.mapBoth(parse(value), {
    onLeft: (at) => usage(`The value of --set '${kind} ${name}' is no JSON at ${at}`, examples),
    onRight: (json) => edits[kind](name, json),
  })
}

export const flags = {
  set: Options.text("set").pipe(
    Options.withDescription(
      "A value that the new run has instead: 'step NAME=JSON', 'tool CALL=JSON', 'answer QUESTION=JSON' or 'text MESSAGE=TEXT'; may be repeated",
    ),
    Options.repeated,
  ),
  message: Options.text("message").pipe(
    Options.withDescription("The text of the last message of the user"),
    Options.optional,
  ),
  input: Options.text("input").pipe(
    Options.withDescription("The payload of the agent, as JSON; @FILE reads a file, - reads stdin"),
    Options.optional,
  ),
  agent: Flag.text("agent", Ids.NewAgentId).pipe(
    Options.withDescription("The agent that does the new run"),
    Options.optional,
  ),
  workerVersion: Flag.text("worker-version", Ids.RunVersion).pipe(
    Options.withDescription("With --agent: the version of workers that the new run is pinned to"),
    Options.optional,
  ),
}

/** The values of these flags. */
interface FlagValues {
  readonly set: ReadonlyArray<string>
  readonly message: Option.Option<string>
  readonly input: Option.Option<string>
  readonly agent: Option.Option<Ids.AgentId>
  readonly workerVersion: Option.Option<string>
}

/** The edits; undefined where there are none. */
export const editsOf = Effect.fnUntraced(function* (flags: FlagValues) {
  const { agent, input, message, set } = flags
  const version = Option.getOrUndefined(flags.workerVersion)
  if (version !== undefined && Option.isNone(agent)) {
    return yield* usage("--worker-version needs an agent", "Give it with --agent NAME.")
  }
  const sets = yield* Effect.forEach(set, ofSet)
  const inputs = yield* Effect.forEach(Option.toArray(input), inputOf)
  const all: ReadonlyArray<RunEdits.Edit> = [
    ...sets,
    ...Option.toArray(message).map((text) => ({ type: "message", text }) as const),
    ...inputs.map((value) => ({ type: "input", input: value }) as const),
    ...Option.toArray(agent).map((agentId) => ({ type: "agent", agentId, version }) as const),
  ]
  return all.length === 0 ? undefined : all
})
