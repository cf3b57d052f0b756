/**
 * Text and JSON of a flag or an argument, of a file, or of stdin.
 */
import { readFile } from "node:fs/promises"
import { text as readAll } from "node:stream/consumers"
import { RequestSnapshot } from "@runlease/core"
import { Effect, Either, Option } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"

const token =
  /[\t\n\r ]*(?:(?<mark>[{}[\],:])|(?<text>"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/uy

/** What may come next: a value, a value or the end of its list, a key or the end of its object, a key, a colon, a comma, nothing. */
type Next = "value" | "item" | "member" | "key" | "colon" | "comma" | "nothing"

const closes = (mark: string, opened: string | undefined): boolean =>
  (mark === "}" && opened === "{") || (mark === "]" && opened === "[")

/** Where the text stops to be JSON. */
const brokenAt = (text: string): number => {
  const opened: Array<string> = []
  let next: Next = "value"
  let at = 0
  const afterValue = (): Next => (opened.length === 0 ? "nothing" : "comma")
  for (;;) {
    token.lastIndex = at
    const found = token.exec(text)
    const start = at + /^[\t\n\r ]*/.exec(text.slice(at))![0].length
    if (found === null) return start
    const { mark, text: string } = found.groups!
    if (mark === undefined) {
      if (next === "value" || next === "item") next = afterValue()
      else if (string !== undefined && (next === "member" || next === "key")) next = "colon"
      else return start
    } else if (mark === "{" || mark === "[") {
      if (next !== "value" && next !== "item") return start
      opened.push(mark)
      next = mark === "{" ? "member" : "item"
    } else if (mark === ":" && next === "colon") next = "value"
    else if (mark === "," && next === "comma") next = opened.at(-1) === "{" ? "key" : "value"
    else if (closes(mark, opened.at(-1)) && ["comma", "item", "member"].includes(next)) {
      opened.pop()
      next = afterValue()
    } else return start
    at = token.lastIndex
  }
}

const placeOf = (text: string): string => {
  const before = text.slice(0, brokenAt(text)).split("\n")
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`
}

const parseJson = Option.liftThrowable((text: string): unknown => JSON.parse(text))

/** The value, or the place of the first problem: `line 1, column 9`. A problem never repeats the text, which may be secret. */
export const parse = (text: string): Either.Either<unknown, string> =>
  Either.fromOption(parseJson(text), () => placeOf(text))

/** The text of a file; `-` is stdin. */
export const read = (file: string): Effect.Effect<string, CommandFailure> =>
  Effect.tryPromise({
    try: () => (file === "-" ? readAll(process.stdin) : readFile(file, "utf8")),
    catch: (error) =>
      usage(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`),
  })

/** The value of `--input`: JSON, a file of it after `@`, or stdin. */
export const inputOf = (value: string): Effect.Effect<unknown, CommandFailure> => {
  const file = value === "-" ? "-" : value.startsWith("@") ? value.slice(1) : undefined
  const name = file === undefined ? "--input" : file === "-" ? "The stdin of --input" : file
  return Effect.flatMap(file === undefined ? Effect.succeed(value) : read(file), (text) =>
    Either.mapLeft(parse(text), (place) =>
      usage(
        text.trim() === "" ? `${name} is empty` : `${name} is no JSON at ${place}`,
        `Give JSON, as --input '{"pull": 12}', a file, as --input @payload.json, or - for stdin.`,
      ),
    ),
  )
}

/** `-` is stdin, of the text and of the input. */
interface RequestInput {
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
