/** Bodies of requests: their budget, and how they are read within their limits before anything parses them. */
import * as Headers from "@effect/platform/Headers"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Context, Duration, Effect, Fiber, Layer, Option, Predicate, type Scope, Stream } from "effect"
import { JsonBody, maxBytes, maxDepth } from "../contract/Body.js"
import { CurrentPrincipal, type Share, sharesOf, unknownShare } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"

// The refusals of a body that is not read.

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

export const notWhole = Refusal.make(400, "body_incomplete", "The body ended before it was whole", {
  field: "body",
})

export const tooMuchAtOnce = new Refusal.Refusal({
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

// How many bytes the bodies of all requests may take at once, and those of one caller and one project: what is read of them, and what is
// parsed from it.
//
// Source: docs/decisions/0017-bounds-in-bytes.md

/** Bytes for all callers when the server says nothing. */
export const defaultTotal = 256 * 1024 * 1024

/** The holder of bytes: a request of a caller. */
export interface Taker {
  readonly shares: ReadonlyArray<Share>
  readonly request: HttpServerRequest.HttpServerRequest
}

export class BodyBudget extends Context.Tag("@runlease/http/server/BodyBudget")<
  BodyBudget,
  {
    /** The bytes that a caller with these shares may take. */
    readonly most: (shares: ReadonlyArray<Share>) => number

    /** Takes `bytes` more bytes for the request, or returns false and takes none. */
    readonly take: (taker: Taker, bytes: number) => boolean

    /** Takes `bytes` bytes while the Scope is open, or returns false and takes none. For answers to a caller. */
    readonly hold: (shares: ReadonlyArray<Share>, bytes: number) => Effect.Effect<boolean, never, Scope.Scope>

    /** Gives back all that the request took. */
    readonly release: (request: HttpServerRequest.HttpServerRequest) => void
  }
>() {}

/** Routing may replace the request around its source, so the source identifies it. */
export const sourceOf = ({ source }: HttpServerRequest.HttpServerRequest): object => source as object

/** A budget of `total` bytes. */
export const makeBudget = (total: number): BodyBudget["Type"] => {
  const whole: Share = { name: "all", part: 1 }
  const usage = new Map<string, number>()
  const byHolder = new Map<object, { readonly shares: ReadonlyArray<Share>; bytes: number }>()

  const bytesOf = ({ part }: Share): number => Math.floor(total * part)

  const add = (shares: ReadonlyArray<Share>, bytes: number): void => {
    for (const { name } of [...shares, whole]) {
      const sum = (usage.get(name) ?? 0) + bytes
      if (sum > 0) usage.set(name, sum)
      else usage.delete(name)
    }
  }

  const take = (holder: object, shares: ReadonlyArray<Share>, bytes: number): boolean => {
    const hasRoom = [...shares, whole].every(
      (share) => (usage.get(share.name) ?? 0) + bytes <= bytesOf(share),
    )
    if (!hasRoom) return false
    const entry = byHolder.get(holder)
    if (entry === undefined) byHolder.set(holder, { shares, bytes })
    else entry.bytes += bytes
    add(shares, bytes)
    return true
  }

  const release = (holder: object): void => {
    const entry = byHolder.get(holder)
    if (entry === undefined) return
    byHolder.delete(holder)
    add(entry.shares, -entry.bytes)
  }

  return {
    most: (shares) => Math.min(total, ...shares.map(bytesOf)),
    take: ({ request, shares }, bytes) => take(sourceOf(request), shares, bytes),
    release: (request) => {
      if (byHolder.size > 0) release(sourceOf(request))
    },

    hold: (shares, bytes) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => {
            const holder = {}
            return { holder, isTaken: take(holder, shares, bytes) }
          }),
          ({ holder }) => Effect.sync(() => release(holder)),
        ),
        ({ isTaken }) => isTaken,
      ),
  }
}

export const budgetLayer = (total: number): Layer.Layer<BodyBudget> =>
  Layer.sync(BodyBudget, () => makeBudget(total))

/** Gives back what a request took once its handler is done: a stream that answers it holds no body. */
export const releaseAfter = Effect.map(
  BodyBudget,
  (budget) =>
    <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      Effect.ensuring(app, Effect.map(HttpServerRequest.HttpServerRequest, budget.release)),
)

/** Measures the value of a JSON text without parsing it. */

// Measures the value of a JSON text without parsing it.

/** Bytes of an empty array or object, or one with a few values, as V8 has it. */
const containerBytes = 64

/** Bytes of any other value in addition to its text. */
const valueBytes = 16

const quote = 0x22

const comma = 0x2c

const backslash = 0x5c

/**
 * `parsedBytes` is about what the values take, text included; undefined for a text whose arrays and objects nest deeper than
 * `maxDepth`. Brackets and commas within strings count for nothing.
 */
export const parsedBytes = (text: string, maxDepth: number): number | undefined => {
  let depth = 0
  let containers = 0
  let commas = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === backslash) i++
      else if (code === quote) inString = false
    } else if (code === quote) {
      inString = true
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > maxDepth) return undefined
      containers++
    } else if (code === 0x5d || code === 0x7d) {
      depth--
    } else if (code === comma) {
      commas++
    }
  }
  return text.length + containers * containerBytes + commas * valueBytes
}

// The body of a request of Node.js, read without a stream of Effect.

/** The part of a readable stream of Node.js that is needed here. */
interface Readable {
  readonly on: (event: string, listener: (chunk: Uint8Array) => void) => unknown
  readonly off: (event: string, listener: (chunk: Uint8Array) => void) => unknown
}

/** The source of a request whose body nothing has read. It is no such where it was read, and on other platforms. */
const isUnread = (source: unknown): source is Readable =>
  Predicate.hasProperty(source, "on") &&
  Predicate.isFunction(source.on) &&
  Predicate.hasProperty(source, "readableDidRead") &&
  source.readableDidRead === false

const joined = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const joined = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}

/**
 * Reads a body of announced length, to which Node.js holds the client, within real time.
 *
 * Fails: `late` when it does not arrive in time, `broken` when the connection breaks before its end.
 */
const textOfNode = (
  source: Readable,
  within: Duration.Duration,
  refusals: { readonly late: Refusal.Refusal; readonly broken: Refusal.Refusal },
): Effect.Effect<string, Refusal.Refusal> =>
  Effect.async((resume) => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    const settle = (result: Effect.Effect<string, Refusal.Refusal>) => {
      stop()
      resume(result)
    }
    const timer = setTimeout(() => settle(Effect.fail(refusals.late)), Duration.toMillis(within))
    const onData = (chunk: Uint8Array) => {
      chunks.push(chunk)
      size += chunk.length
    }
    const onEnd = () => {
      const bytes = chunks.length === 1 ? chunks[0] : joined(chunks, size)
      settle(Effect.succeed(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)))
    }
    const onBreak = () => settle(Effect.fail(refusals.broken))
    const stop = () => {
      clearTimeout(timer)
      source.off("data", onData)
      source.off("end", onEnd)
      source.off("error", onBreak)
      source.off("close", onBreak)
    }
    source.on("data", onData)
    source.on("end", onEnd)
    source.on("error", onBreak)
    source.on("close", onBreak)
    return Effect.sync(stop)
  })

// Reads a body within its limits and within the budget of all bodies, before anything parses it.

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

/**
 * The request with the type of plain JSON, where it has another type of JSON. The API's decoder reads the bytes of such a
 * body, which are gone by then.
 */
const asPlainJson = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest =>
  request.headers["content-type"]?.toLowerCase().includes("application/json") === false
    ? Object.create(request, {
        headers: { value: Headers.set(request.headers, "content-type", "application/json") },
      })
    : request

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

/** Reads the text of a body whose announced `length`, 0 for none, is in the budget already. */
const readText = (budget: BodyBudget["Type"], taker: Taker, length: number) =>
  Effect.suspend(() => {
    const buffer = makeBuffer(length, (bytes) => budget.take(taker, bytes))
    let received = 0
    let refusal: Refusal.Refusal | undefined
    return taker.request.stream.pipe(
      Stream.mapError(() => refusal ?? notWhole),
      Stream.runForEach((chunk) => {
        received += chunk.length
        if (refusal === undefined) {
          refusal = buffer.add(chunk)
          if (refusal === undefined) return Effect.void
          buffer.clear()
          budget.release(taker.request)
        }
        return received > maxUnannounced ? refusal : Effect.void
      }),
      Effect.flatMap(() => refusal ?? Effect.sync(buffer.text)),
    )
  })

/** The request with the text of its body, which can be read once: a long answer does not retain it. */
const withText = (
  request: HttpServerRequest.HttpServerRequest,
  text: string,
): HttpServerRequest.HttpServerRequest => {
  let left = text
  const take = Effect.sync(() => {
    const whole = left
    left = ""
    return whole
  })
  return Object.create(request, { text: { value: take } })
}

/** The text of a body that is not counted. */
const smallText = (text: string): Effect.Effect<string, Refusal.Refusal> =>
  parsedBytes(text, maxDepth) === undefined ? Effect.fail(tooDeep) : Effect.succeed(text)

/** The text of a body that is counted: as it is announced, and as its values are once they are parsed. */
const countedText = Effect.fnUntraced(function* (
  budget: BodyBudget["Type"],
  taker: Taker,
  length: number,
  reading: Effect.Effect<string, Refusal.Refusal, Scope.Scope>,
) {
  if (!budget.take(taker, length)) return yield* tooMuchAtOnce
  const text = yield* reading
  const bytes = parsedBytes(text, maxDepth)
  if (bytes === undefined) return yield* tooDeep
  const most = budget.most(taker.shares)
  if (text.length + bytes > most) return yield* tooManyValues(most)
  if (!budget.take(taker, bytes)) return yield* tooMuchAtOnce
  return text
})

/**
 * What the headers say of a body. `hidden`: nothing, where there may be one. Node.js obeys the header of a length, and then
 * drops it when a thousand others come before it.
 */
const announcementOf = ({
  headers,
  method,
}: HttpServerRequest.HttpServerRequest): "nothing" | "length" | "chunks" | "hidden" => {
  if (headers["transfer-encoding"] !== undefined) return "chunks"
  const length = headers["content-length"]
  if (length !== undefined) return Number(length) === 0 ? "nothing" : "length"
  return bodyless.has(method) ? "nothing" : "hidden"
}

/** Requests whose body nothing reads. */
const bodyless: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

const usualType = /^application\/json(; ?charset=utf-8)?$/i

/** Reads the bodies of requests. */
export class Bodies extends Context.Tag("@runlease/http/server/Bodies")<
  Bodies,
  {
    /** The request of the context once its body was read; a body that was given back is not read again. */
    readonly read: Effect.Effect<
      HttpServerRequest.HttpServerRequest,
      Refusal.Refusal,
      HttpServerRequest.HttpServerRequest | Scope.Scope
    >

    /** Whether the body is JSON of an announced length within the limits, and nothing has read it. */
    readonly isUsual: (request: HttpServerRequest.HttpServerRequest) => boolean

    /** The text of a usual body, which takes from these shares. */
    readonly text: (
      request: HttpServerRequest.HttpServerRequest,
      shares: ReadonlyArray<Share>,
    ) => Effect.Effect<string, Refusal.Refusal, Scope.Scope>

    /** Gives back the text of a usual body for `read`. */
    readonly giveBack: (request: HttpServerRequest.HttpServerRequest, text: string) => void
  }
>() {}

const make = (budget: BodyBudget["Type"], within: Duration.Duration): Bodies["Type"] => {
  // Routing may replace a request, but not its source.
  const givenBack = new WeakMap<object, HttpServerRequest.HttpServerRequest>()
  const late = tooSlow(within)

  const isUsual = ({ headers, source }: HttpServerRequest.HttpServerRequest): boolean => {
    const length = Number(headers["content-length"] ?? "0")
    return (
      length > 0 &&
      length <= maxBytes &&
      headers["transfer-encoding"] === undefined &&
      usualType.test(headers["content-type"] ?? "") &&
      isUnread(source)
    )
  }

  /** The text of a usual body that is not counted, or is counted for these shares. */
  const textOf = (request: HttpServerRequest.HttpServerRequest, shares: ReadonlyArray<Share>) => {
    const { headers, source } = request
    const length = Number(headers["content-length"])
    const reading = isUnread(source)
      ? textOfNode(source, within, { late, broken: notWhole })
      : Effect.fail(notWhole)
    return length <= uncountedBytes
      ? Effect.flatMap(reading, smallText)
      : countedText(budget, { shares, request }, length, reading)
  }

  const readNew = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
    const length = Number(request.headers["content-length"] ?? "0")
    if (length <= uncountedBytes && isUsual(request)) return withText(request, yield* textOf(request, []))
    const announced = announcementOf(request)
    if (announced === "nothing") return request
    // A body whose announced length is too large is not read; the server drains it.
    if (length > maxBytes) return yield* tooLarge
    if (announced !== "hidden" && !isJson(request.headers["content-type"])) return yield* notJson
    if (announced === "length" && length <= uncountedBytes) {
      const reading = inTime(
        Effect.mapError(request.text, () => notWhole),
        within,
      )
      return yield* Effect.as(Effect.flatMap(reading, smallText), asPlainJson(request))
    }
    const principal = yield* Effect.serviceOption(CurrentPrincipal)
    const shares = Option.match(principal, { onNone: () => [unknownShare], onSome: sharesOf })
    const taker = { shares, request }
    const text = yield* countedText(budget, taker, length, inTime(readText(budget, taker, length), within))
    if (text !== "" && !isJson(request.headers["content-type"])) return yield* notJson
    return withText(asPlainJson(request), text)
  })

  return {
    read: Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const whole = givenBack.get(sourceOf(request))
      return whole === undefined ? readNew(request) : Effect.succeed(whole)
    }),

    isUsual,
    text: textOf,

    giveBack: (request, text) => givenBack.set(sourceOf(request), withText(request, text)),
  }
}

/** Reads bodies that arrive within `within`. */
export const layer = (within: Duration.DurationInput): Layer.Layer<Bodies, never, BodyBudget> =>
  Layer.effect(
    Bodies,
    Effect.map(BodyBudget, (budget) => make(budget, Duration.decode(within))),
  )

/** Reads the body of a request before its handler. */
export const middleware: Layer.Layer<JsonBody, never, Bodies> = Layer.effect(
  JsonBody,
  Effect.map(Bodies, ({ read }) => JsonBody.of(read)),
)
