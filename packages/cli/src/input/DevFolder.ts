/**
 * The folder of `runlease dev`: where the one that runs in it listens.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Path from "@effect/platform/Path"
import { Effect, Option, type Redacted } from "effect"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"

const fileName = ".runlease/dev.url"

/** Whether a server at that address takes the key of this folder: another program may listen there by now. */
const answers = (url: string, apiKey: Redacted.Redacted) =>
  HttpClientRequest.get(`${url}/session`).pipe(
    HttpClientRequest.bearerToken(apiKey),
    HttpClient.execute,
    Effect.map(({ status }) => status === 200),
    Effect.scoped,
    Effect.timeout("2 seconds"),
    Effect.orElseSucceed(() => false),
    Effect.provide(FetchHttpClient.layer),
  )

/** Fails when `runlease dev` runs in this folder already. */
export const checkFree = Effect.fnUntraced(function* (apiKey: Redacted.Redacted) {
  const fs = yield* FileSystem.FileSystem
  const url = yield* Effect.option(Effect.map(fs.readFileString(fileName), (text) => text.trim()))
  if (Option.isNone(url) || !URL.canParse(url.value) || !(yield* answers(url.value, apiKey))) return
  return yield* new CommandFailure({
    message: `runlease dev runs in this folder already: ${url.value}/`,
    hint: "End it first, or start this one in another folder.",
    exitCode: ExitCode.error,
  })
})

/** Says where this one listens, until the Scope closes. */
export const occupy = Effect.fnUntraced(function* (url: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.makeDirectory(path.dirname(fileName), { recursive: true, mode: 0o700 })
  yield* Effect.acquireRelease(fs.writeFileString(fileName, `${url}\n`), () =>
    Effect.ignore(fs.remove(fileName)),
  )
})
