/**
 * The version of A2A that a request is of: its header, or the parameter of its address. Without one it is 0.3, as A2A says.
 *
 * @since 0.1.0
 */
import type { HttpServerRequest } from "@effect/platform"
import { Effect } from "effect"
import * as Errors from "../../a2a/Errors.js"
import * as Protocol from "../../a2a/Protocol.js"

const header = "a2a-version"

const assumed = "0.3"

/** A patch version does not count. */
const isServed = (version: string): boolean =>
  version === Protocol.version || version.startsWith(`${Protocol.version}.`)

/** Fails with `VERSION_NOT_SUPPORTED` for every version but 1.0. */
export const check = ({
  headers,
  url,
}: HttpServerRequest.HttpServerRequest): Effect.Effect<void, Errors.A2aError> =>
  Effect.suspend(() => {
    const query = new URLSearchParams(url.slice(url.indexOf("?") + 1))
    const [parameter] = Array.from(query).flatMap(([name, value]) =>
      name.toLowerCase() === header ? [value] : [],
    )
    const version = (headers[header] || parameter || assumed).trim()
    return isServed(version)
      ? Effect.void
      : Errors.make(
          "VERSION_NOT_SUPPORTED",
          `A2A ${version.slice(0, 20)} is not served; send the header A2A-Version: ${Protocol.version}`,
          { metadata: { supportedVersions: Protocol.version } },
        )
  })
