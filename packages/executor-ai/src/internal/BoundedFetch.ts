/** The platform's fetch, whose answers may not have lines without end: whoever reads lines keeps one in memory. */

/** Far more than any event of a model's answer, far less than memory. */
const maxLineBytes = 32 * 1024 * 1024

const newline = 10

const bounded = () => {
  let line = 0
  return new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      const last = chunk.lastIndexOf(newline)
      line = last < 0 ? line + chunk.length : chunk.length - last - 1
      if (line > maxLineBytes) controller.error(new Error(`A line is longer than ${maxLineBytes} bytes`))
      else controller.enqueue(chunk)
    },
  })
}

export const fetch: typeof globalThis.fetch = (input, init) =>
  globalThis
    .fetch(input, init)
    .then((response) =>
      response.body === null ? response : new Response(response.body.pipeThrough(bounded()), response),
    )
