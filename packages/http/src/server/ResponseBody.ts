/** The body of a response that is written as its client takes it, and stores nothing for a client that does not. */
import { Readable } from "node:stream"

export interface ResponseBody {
  /** What the server sends. */
  readonly readable: Readable

  /** Whether the client takes more now. */
  readonly isReady: () => boolean

  /** Writes bytes to a client that takes more. They may be shared with other bodies. */
  readonly write: (bytes: Uint8Array) => void

  /** Ends the body. A client that takes no more now gets its end when it does: until then its connection is not idle. */
  readonly end: () => void
}

/** A body that begins with these bytes. `onReady` is called each time that the client takes more again. */
export const make = (first: Uint8Array, onReady: () => void): ResponseBody => {
  let ready = false
  let ended = false
  const readable = new Readable({
    highWaterMark: 0,
    read: () => {
      if (ready || ended) return
      ready = true
      onReady()
    },
  })
  readable.push(first)
  return {
    readable,
    isReady: () => ready,
    write: (bytes) => {
      // A full socket pauses what is piped into it, so nothing is ever stored here.
      ready = readable.push(bytes) && readable.readableFlowing === true
    },
    end: () => {
      if (ended) return
      ended = true
      ready = false
      readable.push(null)
    },
  }
}
