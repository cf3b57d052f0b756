/**
 * The request of a run: the text, the file and the `--input` of a command line.
 */
import { RequestSnapshot } from "@runlease/core"
import { Effect, Option } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import { inputOf, read } from "./TextInput.js"

/** `-` is stdin, of the text and of the input. */
export interface RequestInput {
  readonly text: Option.Option<string>
  readonly file: Option.Option<string>
  readonly input: Option.Option<string>
}

const textOf = ({ file, text }: RequestInput): Effect.Effect<string | undefined, CommandFailure> => {
  if (Option.isSome(file) && Option.isSome(text)) {
    return Effect.fail(usage("A text and --file exclude each other"))
  }
  if (Option.isSome(file)) return read(file.value)
  return Option.match(text, {
    onNone: () => Effect.succeed(undefined),
    onSome: (some) => (some === "-" ? read("-") : Effect.succeed(some)),
  })
}

const readsStdin = ({ file, input, text }: RequestInput): boolean =>
  Option.contains(input, "-") && (Option.contains(text, "-") || Option.contains(file, "-"))

/** The failure of a command line with neither a text nor an input. */
export const noText = (): CommandFailure =>
  usage(
    "There is no text to submit",
    "Give a TEXT, --file FILE, - for stdin, or --input JSON for an agent with a payload.",
  )

/** The request: the text is a message of the user, the input a payload. Undefined without both. */
export const requestOf = Effect.fnUntraced(function* (options: RequestInput) {
  if (readsStdin(options)) return yield* usage("Both the text and --input read stdin")
  const text = yield* textOf(options)
  const messages = text === undefined ? RequestSnapshot.empty : RequestSnapshot.fromText(text)
  if (Option.isSome(options.input)) return { ...messages, input: yield* inputOf(options.input.value) }
  return text === undefined ? undefined : messages
})
