import type { HttpClientResponse } from "@effect/platform"
import { type ControlPlaneError, ControlPlaneUnavailable as Unavailable } from "@runlease/core"
import { Option, Stream } from "effect"
import { Schema } from "effect"

const parse = Schema.decodeOption(Schema.parseJson())

/** The `data` of an event stream, each one line of JSON. */
export const jsonEvents = (
  operation: string,
  response: HttpClientResponse.HttpClientResponse,
): Stream.Stream<unknown, ControlPlaneError.ControlPlaneError> =>
  response.stream.pipe(
    Stream.mapError(
      (error) =>
        new Unavailable.ControlPlaneUnavailable({
          operation,
          message: `The control plane's event stream broke: ${error.reason}`,
        }),
    ),
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filterMap((line) =>
      line.startsWith("data:") ? parse(line.slice("data:".length)) : Option.none(),
    ),
  )
