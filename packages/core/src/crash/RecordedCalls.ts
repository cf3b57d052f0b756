/**
 * The answers to calls of the outside. The first execution of a crash test makes the calls, and the others get its answers: so a payment is made
 * once, a model is paid once, and the same request has the same answer.
 */
import { Effect, Exit, Predicate, Stream } from "effect"
import type { Request } from "../rehearsal/ReplacedClients.js"

/** An answer of `fetch` that may be had again. `isAborted`: the caller has aborted the request. */
interface Fetched {
  readonly again: () => Promise<Response>
  readonly isAborted: boolean
}

/** The answer of `fetch`, or of an `HttpClient`; undefined until it has come. */
interface Recorded {
  fetched: Fetched | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
}

/** The calls of one execution. */
export interface OfExecution {
  /** What is recorded of a call at a place, which is a step or what is outside of steps. A call that is new is recorded too. */
  readonly take: (request: Request, place: string) => Recorded
}

export interface RecordedCalls {
  /** The calls of one more execution. */
  readonly begin: () => OfExecution
}

export const make = (): RecordedCalls => {
  const recorded = new Map<string, Array<Recorded>>()
  return {
    begin: () => {
      const used = new Map<string, number>()
      return {
        take: ({ body, method, url }, place) => {
          const keys = [`${method} ${url} ${body ?? ""}`, `${method} ${url} at ${place}`]
          const found = keys.map((key) => {
            const nth = used.get(key) ?? 0
            used.set(key, nth + 1)
            const all = recorded.get(key) ?? []
            // What is called more often than before is answered as the last time.
            return all[Math.min(nth, all.length - 1)]
          })
          const before = found.find((one) => one !== undefined)
          if (before !== undefined) return before
          const fresh: Recorded = { fetched: undefined, exit: undefined }
          for (const key of keys) recorded.set(key, [...(recorded.get(key) ?? []), fresh])
          return fresh
        },
      }
    },
  }
}

/** The answer of `fetch`, whose body is read once. */
export const fetched = async (answer: Promise<Response>): Promise<Fetched> => {
  try {
    const response = await answer
    const { headers, status, statusText, url } = response
    const body = await response.arrayBuffer()
    const hasBody = status !== 204 && status !== 205 && status !== 304
    return {
      isAborted: false,
      again: async () => {
        const again = new Response(hasBody ? body.slice(0) : null, { headers, status, statusText })
        Object.defineProperty(again, "url", { value: url })
        return again
      },
    }
  } catch (error) {
    return {
      isAborted: error instanceof Error && error.name === "AbortError",
      again: () => Promise.reject(error),
    }
  }
}

/** What a response of an `HttpClient` has, whose body can be streamed once. */
interface ClientResponse {
  readonly text: Effect.Effect<string, unknown>
  readonly stream: Stream.Stream<Uint8Array, unknown>
}

const isResponse = (value: unknown): value is ClientResponse & object =>
  Predicate.hasProperty(value, "text") && Predicate.hasProperty(value, "stream")

/** A response of an `HttpClient` whose body may be read again. */
export const rereadable = (response: unknown): unknown => {
  if (!isResponse(response)) return response
  let chunks: ReadonlyArray<Uint8Array> | undefined
  let isText = false
  const streamed = (): Stream.Stream<Uint8Array, unknown> => {
    if (chunks !== undefined) return Stream.fromIterable(chunks)
    if (isText) {
      return Stream.fromEffect(Effect.map(response.text, (text) => new TextEncoder().encode(text)))
    }
    const read: Array<Uint8Array> = []
    return response.stream.pipe(
      Stream.tap((chunk) => Effect.sync(() => read.push(chunk))),
      Stream.concat(
        Stream.execute(
          Effect.sync(() => {
            chunks = read
          }),
        ),
      ),
    )
  }
  const textOf = (read: ReadonlyArray<Uint8Array>): string => {
    const decoder = new TextDecoder()
    return read.map((chunk) => decoder.decode(chunk, { stream: true })).join("")
  }
  return new Proxy(response, {
    get: (target, name) => {
      if (name === "stream") return streamed()
      if (chunks !== undefined && name === "text") return Effect.succeed(textOf(chunks))
      if (chunks !== undefined && name === "json") {
        return Effect.try(() => JSON.parse(textOf(chunks ?? [])) as unknown)
      }
      if (name === "text" || name === "json" || name === "arrayBuffer") isText = true
      return Reflect.get(target, name, target) as unknown
    },
  })
}
