/** The version of A2A that a request is of: its header, or the parameter of its address. Without one it is 0.3, as A2A says. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as RawRequest from "@runlease/http/face/RawRequest"
import { Effect } from "effect"
import * as Errors from "./Errors.js"
import * as Protocol from "./Protocol.js"

const header = "a2a-version"

const assumed = "0.3"

/** A patch version does not count. */
const isServed = (version: string): boolean =>
  version === Protocol.version || version.startsWith(`${Protocol.version}.`)

/** Fails with `VERSION_NOT_SUPPORTED` for every version but 1.0. */
export const check = Effect.gen(function* () {
  const { headers } = yield* HttpServerRequest.HttpServerRequest
  const params = Object.entries(yield* RawRequest.params)
  const [, parameter] = params.find(([name]) => name.toLowerCase() === header) ?? []
  const version = (headers[header] || parameter || assumed).trim()
  if (isServed(version)) return
  return yield* Errors.make(
    "VERSION_NOT_SUPPORTED",
    `A2A ${version.slice(0, 20)} is not served; send the header A2A-Version: ${Protocol.version}`,
    { metadata: { supportedVersions: Protocol.version } },
  )
})
