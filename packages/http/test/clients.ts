/** Clients of views and pages that take bytes only while they have room for some writes. */
import { Effect } from "effect"
import type { EventStream } from "../src/server/EventStream.js"

export const makeClient = (seen: number) => {
  let room = 0
  const client = { seen, text: "", ended: false, left: false, take: () => {}, leave: () => {} }
  const stream: EventStream = {
    isReady: () => room > 0 && !client.ended,
    write: (frames) => {
      if (!stream.isReady()) throw new Error("The client takes no more")
      client.text += Buffer.from(frames).toString("utf8")
      room -= 1
    },
    takeTurn: (write) => void setImmediate(write),
    end: () => {
      client.ended = true
    },
  }
  const takes = (writes: number) => {
    room = Math.max(room, writes)
    client.take()
  }
  return { client, stream, takes }
}

/** Lets the event loop turn until `look` says so. */
export const until = (look: () => boolean) =>
  Effect.async<void>((resume) => {
    const turn = () => {
      if (look()) resume(Effect.void)
      else handle = setImmediate(turn)
    }
    let handle = setImmediate(turn)
    return Effect.sync(() => clearImmediate(handle))
  })

/** Lets it turn so many times. */
export const turns = (count: number) =>
  Effect.suspend(() => {
    let left = count
    return until(() => left-- === 0)
  })
