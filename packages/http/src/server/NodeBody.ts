/**
 * The body of a request of Node.js, read without a stream of Effect.
 *
 * @since 0.1.0
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Duration, Effect, Predicate } from "effect"
import type { Refusal } from "../contract/Refusal.js"

/** The part of a readable stream of Node.js that is needed here. */
interface Readable {
  readonly on: (event: string, listener: (chunk: Uint8Array) => void) => unknown
  readonly off: (event: string, listener: (chunk: Uint8Array) => void) => unknown
}

const isUnread = (source: unknown): source is Readable =>
  Predicate.hasProperty(source, "on") &&
  Predicate.isFunction(source.on) &&
  Predicate.hasProperty(source, "readableDidRead") &&
  source.readableDidRead === false

/** The source of a request whose body nothing has read; undefined where it was read, and on other platforms. */
export const unread = ({ source }: HttpServerRequest.HttpServerRequest): Readable | undefined =>
  isUnread(source) ? source : undefined

const join = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const joined = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}

const decode = (chunks: ReadonlyArray<Uint8Array>, size: number): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(chunks.length === 1 ? chunks[0] : join(chunks, size))

/**
 * Reads a body of announced length, to which Node.js holds the client, within real time.
 *
 * Fails: `late` when it does not arrive in time, `broken` when the connection breaks before its end.
 */
export const text = (
  source: Readable,
  within: Duration.Duration,
  refusals: { readonly late: Refusal; readonly broken: Refusal },
): Effect.Effect<string, Refusal> =>
  Effect.async((resume) => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    const settle = (result: Effect.Effect<string, Refusal>) => {
      stop()
      resume(result)
    }
    const timer = setTimeout(() => settle(Effect.fail(refusals.late)), Duration.toMillis(within))
    const onData = (chunk: Uint8Array) => {
      chunks.push(chunk)
      size += chunk.length
    }
    const onEnd = () => settle(Effect.succeed(decode(chunks, size)))
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
