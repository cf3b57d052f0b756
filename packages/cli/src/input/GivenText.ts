/**
 * Text and JSON that a flag or an argument gives, or a file or stdin in its place.
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
export const inputOf = (given: string): Effect.Effect<unknown, CommandFailure> => {
  const file = given === "-" ? "-" : given.startsWith("@") ? given.slice(1) : undefined
  const name = file === undefined ? "--input" : file === "-" ? "The stdin of --input" : file
  return Effect.flatMap(file === undefined ? Effect.succeed(given) : read(file), (text) =>
    Either.mapLeft(JsonText.parse(text), (place) =>
      usage(
        text.trim() === "" ? `${name} is empty` : `${name} is no JSON at ${place}`,
        `Give JSON, as --input '{"pull": 12}', a file, as --input @payload.json, or - for stdin.`,
      ),
    ),
  )
}
