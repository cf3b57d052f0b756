/**
 * Reads a body within its limits and within the budget of all bodies, before anything parses it.
 *
 * @since 0.1.0
 */
import { HttpServerRequest } from "@effect/platform"
import { Clock, Duration, Effect, Fiber, Layer, Option, Stream } from "effect"
import { JsonBody, maxBytes, maxDepth } from "../contract/Body.js"
import { callerOf, CurrentPrincipal } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { BodyBudget, type Taker } from "./BodyBudget.js"
import * as JsonMeasure from "./JsonMeasure.js"

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

const notWhole = Refusal.make(400, "body_incomplete", "The body ended before it was whole", { field: "body" })

const tooMuchAtOnce = new Refusal.Refusal({
  httpStatus: 503,
  body: {
    error: "body_memory",
    detail: "The bodies that are being read take all the memory that they may; try again",
    field: "body",
  },
  headers: { "retry-after": "1" },
})

const tooManyValues = (share: number) =>
  Refusal.make(
    413,
    "body_too_complex",
    `The body holds too many values: they may take ${share} bytes once they are parsed`,
    { field: "body" },
  )

/**
 * Where reading a body of unannounced length stops. What is refused is read on until there and dropped, since to stop
 * reading breaks the connection before the client sees the refusal.
 */
const maxUnannounced = 4 * maxBytes

/**
 * Bodies up to this size are not counted, so that no large body holds up a heartbeat, a renewal or a claim. Their number
 * is that of the connections.
 */
const uncountedBytes = 16 * 1024

/** Bytes. The buffer for a body without a length starts at this size and doubles. */
const firstBytes = 64 * 1024

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

/** Reads in a fiber of the request. To stop reading breaks the connection, so the refusal is sent first. */
const inTime = <A, E, R>(reading: Effect.Effect<A, E, R>, within: Duration.Duration) =>
  Effect.flatMap(Effect.forkScoped(reading), Fiber.join).pipe(
    Effect.timeoutFail({ duration: within, onTimeout: () => tooSlow(within) }),
    Effect.withClock(networkClock),
  )

/** Holds a body while it is read, in one piece: many tiny chunks take no more memory than a large one. */
const makeBuffer = (length: number, take: (bytes: number) => boolean) => {
  let buffer = new Uint8Array(length)
  let size = 0

  /** Doubles the buffer if the chunk does not fit, as far as the budget allows. */
  const grow = (needed: number): Refusal.Refusal | undefined => {
    if (needed <= buffer.length) return undefined
    if (needed > maxBytes) return tooLarge
    const room = Math.min(maxBytes, Math.max(firstBytes, 2 * buffer.length, needed))
    if (!take(room - buffer.length)) return tooMuchAtOnce
    const before = buffer
    buffer = new Uint8Array(room)
    buffer.set(before.subarray(0, size))
    return undefined
  }

  return {
    /** Adds a chunk, or returns the refusal. */
    add: (chunk: Uint8Array): Refusal.Refusal | undefined => {
      const refusal = grow(size + chunk.length)
      if (refusal !== undefined) return refusal
      buffer.set(chunk, size)
      size += chunk.length
      return undefined
    },
    clear: (): void => {
      buffer = new Uint8Array(0)
      size = 0
    },
    text: (): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(buffer.subarray(0, size)),
  }
}

/** Reads the text of a body whose announced `length`, 0 for none, was taken already. */
const readText = (budget: BodyBudget["Type"], taker: Taker, length: number) =>
  Effect.suspend(() => {
    const buffer = makeBuffer(length, (bytes) => budget.take(taker, bytes))
    let seen = 0
    let refusal: Refusal.Refusal | undefined
    return taker.request.stream.pipe(
      Stream.mapError(() => refusal ?? notWhole),
      Stream.runForEach((chunk) => {
        seen += chunk.length
        if (refusal === undefined) {
          refusal = buffer.add(chunk)
          if (refusal === undefined) return Effect.void
          buffer.clear()
          budget.release(taker.request)
        }
        return seen > maxUnannounced ? refusal : Effect.void
      }),
      Effect.flatMap(() => refusal ?? Effect.sync(buffer.text)),
    )
  })

/** The request with the text of its body, which can be taken once: what answers for long does not keep it. */
const withText = (
  request: HttpServerRequest.HttpServerRequest,
  text: string,
): HttpServerRequest.HttpServerRequest => {
  let left = text
  const take = Effect.sync(() => {
    const taken = left
    left = ""
    return taken
  })
  return Object.create(request, { text: { value: take } })
}

const readSmall = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  within: Duration.Duration,
) {
  const text = yield* inTime(
    Effect.mapError(request.text, () => notWhole),
    within,
  )
  if (JsonMeasure.parsedBytes(text, maxDepth) === undefined) return yield* tooDeep
  return request
})

const readLarge = Effect.fnUntraced(function* (
  budget: BodyBudget["Type"],
  taker: Taker,
  length: number,
  within: Duration.Duration,
) {
  if (!budget.take(taker, length)) return yield* tooMuchAtOnce
  const text = yield* inTime(readText(budget, taker, length), within)
  const parsedBytes = JsonMeasure.parsedBytes(text, maxDepth)
  if (parsedBytes === undefined) return yield* tooDeep
  if (text.length + parsedBytes > budget.share) return yield* tooManyValues(budget.share)
  if (!budget.take(taker, parsedBytes)) return yield* tooMuchAtOnce
  return withText(taker.request, text)
})

const read = Effect.fnUntraced(function* (budget: BodyBudget["Type"], within: Duration.Duration) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const length = Number(request.headers["content-length"] ?? "0")
  const chunked = request.headers["transfer-encoding"] !== undefined
  if (length === 0 && !chunked) return request
  // A body whose announced length is too large is not read; the server drains it.
  if (length > maxBytes) return yield* tooLarge
  if (!isJson(request.headers["content-type"])) return yield* notJson
  if (!chunked && length <= uncountedBytes) return yield* readSmall(request, within)
  const principal = yield* Effect.serviceOption(CurrentPrincipal)
  const caller = Option.match(principal, { onNone: () => "", onSome: callerOf })
  return yield* readLarge(budget, { caller, request }, length, within)
})

export const layer = (within: Duration.DurationInput): Layer.Layer<JsonBody, never, BodyBudget> =>
  Layer.effect(
    JsonBody,
    Effect.map(BodyBudget, (budget) => JsonBody.of(read(budget, Duration.decode(within)))),
  )
