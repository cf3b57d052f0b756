/**
 * Reads a body within its limits, before anything parses it.
 *
 * @since 0.1.0
 */
import { FileSystem, HttpIncomingMessage, HttpServerRequest } from "@effect/platform"
import { Clock, Duration, Effect, Fiber, Layer, Option } from "effect"
import { JsonBody, maxBytes, maxDepth } from "../Body.js"
import * as Refusal from "../Refusal.js"

const tooLarge = Refusal.make(413, "body_too_large", `The body must be at most ${maxBytes} bytes`, {
  field: "body",
})
const tooDeep = Refusal.make(
  400,
  "body_too_deep",
  `The body must not nest arrays and objects more than ${maxDepth} deep`,
  { field: "body" },
)
const notJson = Refusal.make(
  415,
  "unsupported_media_type",
  "Send the body as Content-Type: application/json",
  {
    field: "content-type",
  },
)

/** Where reading a body of unannounced length stops: the connection breaks there, so below it the refusal is told. */
const maxUnannounced = 4 * maxBytes

const quote = 0x22
const backslash = 0x5c

/** Whether brackets outside of strings nest deeper than `max`. */
export const nestsDeeper = (text: string, max: number): boolean => {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === backslash) i++
      else if (code === quote) inString = false
    } else if (code === quote) {
      inString = true
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > max) return true
    } else if (code === 0x5d || code === 0x7d) {
      depth--
    }
  }
  return false
}

const isJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^\s*application\/([a-z0-9.-]+\+)?json\s*(;|$)/i.test(contentType)

const tooSlow = (within: Duration.Duration) =>
  new Refusal.Refusal({
    httpStatus: 408,
    body: {
      error: "body_timeout",
      detail: `The body must arrive within ${Duration.format(within)}`,
      field: "body",
    },
    headers: { connection: "close" },
  })

// A network does not wait for anybody's Clock: this one is always real.
const networkClock = Clock.make()

/** Reads in a fiber of the request: to stop reading breaks the connection, so first the refusal is told. */
const inTime = <A, E, R>(reading: Effect.Effect<A, E, R>, within: Duration.Duration) =>
  Effect.flatMap(Effect.forkScoped(reading), Fiber.join).pipe(
    Effect.timeoutFail({ duration: within, onTimeout: () => tooSlow(within) }),
    Effect.withClock(networkClock),
  )

const check = Effect.fnUntraced(function* (within: Duration.Duration) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const length = Number(request.headers["content-length"] ?? "0")
  const chunked = request.headers["transfer-encoding"] !== undefined
  if (length === 0 && !chunked) return
  // What is announced as too large is not read; the server drains it.
  if (length > maxBytes) return yield* tooLarge
  if (!isJson(request.headers["content-type"])) return yield* notJson
  const reading = request.text.pipe(
    Effect.provideService(
      HttpIncomingMessage.MaxBodySize,
      Option.some(FileSystem.Size(chunked ? maxUnannounced : maxBytes)),
    ),
    Effect.mapError(() => tooLarge),
  )
  const text = yield* inTime(reading, within)
  if (text.length > maxBytes) return yield* tooLarge
  if (nestsDeeper(text, maxDepth)) return yield* tooDeep
})

export const layer = (within: Duration.DurationInput): Layer.Layer<JsonBody> =>
  Layer.succeed(JsonBody, JsonBody.of(check(Duration.decode(within))))
