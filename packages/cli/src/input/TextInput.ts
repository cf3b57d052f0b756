/**
 * Text and JSON of a flag or an argument, of a file, or of stdin.
 */
import { Effect, Either } from "effect"
import { readFile } from "node:fs/promises"
import { text as readAll } from "node:stream/consumers"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import * as JsonText from "./JsonText.js"

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
    Either.mapLeft(JsonText.parse(text), (place) =>
      usage(
        text.trim() === "" ? `${name} is empty` : `${name} is no JSON at ${place}`,
        `Give JSON, as --input '{"pull": 12}', a file, as --input @payload.json, or - for stdin.`,
      ),
    ),
  )
}
