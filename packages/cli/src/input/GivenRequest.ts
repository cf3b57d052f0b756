/**
 * The request of a run, as the text, the file and the `--input` of a command line give it.
 */
import { RequestSnapshot } from "@runlease/core"
import { Effect, Option } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import { inputOf, read } from "./GivenText.js"

/** `-` is stdin, of the text and of the input. */
export interface GivenRequest {
  readonly text: Option.Option<string>
  readonly file: Option.Option<string>
  readonly input: Option.Option<string>
}

const textOf = ({ file, text }: GivenRequest): Effect.Effect<string | undefined, CommandFailure> => {
  if (Option.isSome(file) && Option.isSome(text)) {
    return Effect.fail(usage("Both a text and --file were given"))
  }
  if (Option.isSome(file)) return read(file.value)
  return Option.match(text, {
    onNone: () => Effect.succeed(undefined),
    onSome: (some) => (some === "-" ? read("-") : Effect.succeed(some)),
  })
}

const readsStdin = ({ file, input, text }: GivenRequest): boolean =>
  Option.contains(input, "-") && (Option.contains(text, "-") || Option.contains(file, "-"))

/** The failure of a command line that gives neither a text nor an input. */
export const noText = (): CommandFailure =>
  usage(
    "There is no text to submit",
    "Give a TEXT, --file FILE, - for stdin, or --input JSON for an agent with a payload.",
  )

/** The request: the text as a message of the user, the input beside it. Undefined where neither is given. */
export const requestOf = Effect.fnUntraced(function* (given: GivenRequest) {
  if (readsStdin(given)) return yield* usage("Both the text and --input read stdin")
  const text = yield* textOf(given)
  const messages = text === undefined ? RequestSnapshot.empty : RequestSnapshot.fromText(text)
  if (Option.isSome(given.input)) return { ...messages, input: yield* inputOf(given.input.value) }
  return text === undefined ? undefined : messages
})
