/**
 * The API key of `runlease dev`: that of the environment, or one that is made once and stored in a file.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { Token } from "@runlease/core/store"
import { Effect, Option, Redacted } from "effect"
import { configured } from "./EnvironmentKey.js"

/** Where the key is stored, readable by its owner only. */
export const fileName = ".runlease/dev.key"

export const make = Effect.gen(function* () {
  const fromEnvironment = yield* configured
  if (Option.isSome(fromEnvironment)) return fromEnvironment.value
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const stored = yield* Effect.option(fs.readFileString(fileName))
  if (Option.isSome(stored) && stored.value.trim() !== "") return Redacted.make(stored.value.trim())
  const token = yield* Token.generate("rlk")
  yield* fs.makeDirectory(path.dirname(fileName), { recursive: true, mode: 0o700 })
  yield* fs.writeFileString(fileName, `${Redacted.value(token)}\n`, { mode: 0o600 })
  return token
})
