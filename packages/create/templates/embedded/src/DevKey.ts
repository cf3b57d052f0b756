import * as FileSystem from "@effect/platform/FileSystem"
import { Token } from "@runlease/core"
import { Config, Effect, Redacted } from "effect"

const folder = ".runlease"
const file = `${folder}/dev.key`

/** A key for this machine. It is made once, and its owner alone may read the file. */
const stored = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  if (yield* fs.exists(file)) return Redacted.make((yield* fs.readFileString(file)).trim())
  const key = yield* Token.generate("rlk")
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
  yield* fs.writeFileString(file, `${Redacted.value(key)}\n`, { mode: 0o600 })
  return key
})

/** The API key that RUNLEASE_API_KEY has; else that of .runlease/dev.key. */
export const devKey = Effect.orElse(Config.redacted(Config.nonEmptyString("RUNLEASE_API_KEY")), () => stored)
