/** `fetch` whose bodies end at a number of bytes. A peer decides how much it sends, and a worker has room for so much. */
import { ExecutorError } from "./ExecutorError.js"

/** The most bytes of a body, and of a line of an event stream. */
export const maxBytes = 16 * 1024 * 1024

/** The most bytes of an event stream. */
export const maxStreamBytes = 64 * 1024 * 1024

/** The code of the failure that a body over the limit ends with. Another attempt would get the same answer. */
export const code = "answer_too_large"

const tooLarge = (what: string, bytes: number): ExecutorError =>
  new ExecutorError({ code, message: `The server sent ${what} of more than ${bytes} bytes` })

const newline = 0x0a

const isEventStream = ({ headers }: Response): boolean =>
  headers.get("content-type")?.trim().toLowerCase().startsWith("text/event-stream") === true

/** Passes chunks until there are too many bytes. */
const limit = (isStream: boolean): TransformStream<Uint8Array, Uint8Array> => {
  let total = 0
  let line = 0
  return new TransformStream({
    transform: (chunk, controller) => {
      total += chunk.length
      if (!isStream && total > maxBytes) throw tooLarge("a body", maxBytes)
      if (isStream) {
        const end = chunk.lastIndexOf(newline)
        line = end < 0 ? line + chunk.length : chunk.length - end - 1
        if (line > maxBytes) throw tooLarge("an event", maxBytes)
        if (total > maxStreamBytes) throw tooLarge("an event stream", maxStreamBytes)
      }
      controller.enqueue(chunk)
    },
  })
}

const readers = ["arrayBuffer", "blob", "formData", "json", "text"] as const

/** The response itself, so that its address and its redirects stay, which reads its body through the limit. */
const bound = (response: Response): Response => {
  if (response.body === null) return response
  const bounded = new Response(response.body.pipeThrough(limit(isEventStream(response))), {
    headers: response.headers,
  })
  for (const name of readers) Object.defineProperty(response, name, { value: () => bounded[name]() })
  Object.defineProperty(response, "body", { get: () => bounded.body })
  Object.defineProperty(response, "bodyUsed", { get: () => bounded.bodyUsed })
  return response
}

/**
 * `fetch` as `inner` does it, whose bodies have 16 MiB at most, and event streams 64 MiB. A body that is larger fails with an
 * `ExecutorError` of code `answer_too_large`, and its connection ends.
 */
export const make =
  (inner: typeof fetch): typeof fetch =>
  async (input, init) =>
    bound(await inner(input, init))

/** The failure of this module among the causes of an error; undefined where there is none. */
export const failureOf = (error: unknown): ExecutorError | undefined => {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth += 1) {
    if (cause instanceof ExecutorError && cause.code === code) return cause
  }
  return undefined
}
