/** A stream of server-sent events that is opened again when it is lost, from the last id on. */
import { createParser } from "eventsource-parser"
import { sessionEnded } from "./client"
import { learnClock, serverNow } from "./serverClock"

interface StreamListener {
  readonly onOpen: () => void
  readonly onEvent: (name: string, data: string, id: string) => void
  /** Lost, or not to be opened: it is tried again at `retryAt`. */
  readonly onLost: (retryAt: number) => void
}

export interface EventStream {
  readonly close: () => void
  /** Tries now what would be tried later. */
  readonly retry: () => void
}

/** The server sends something each 15 seconds. A stream without anything for so long is lost, whatever the network says. */
const silence = 40_000
const firstDelay = 1000
const longestDelay = 15_000

export const openStream = (url: string, { onEvent, onLost, onOpen }: StreamListener): EventStream => {
  let isClosed = false
  let lastId = ""
  let failures = 0
  let request: AbortController | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const parser = createParser({
    onEvent: ({ data, event = "message", id }) => {
      if (isClosed) return
      lastId = id ?? lastId
      onEvent(event, data, lastId)
    },
  })

  const lose = () => {
    if (isClosed) return
    const delay = Math.min(longestDelay, firstDelay * 2 ** failures)
    failures += 1
    timer = setTimeout(() => void open(), delay)
    onLost(serverNow() + delay)
  }

  const open = async () => {
    const mine = new AbortController()
    request = mine
    parser.reset()
    let watch: ReturnType<typeof setTimeout> | undefined
    const heard = () => {
      clearTimeout(watch)
      watch = setTimeout(() => mine.abort(), silence)
    }
    try {
      heard()
      const response = await fetch(url, {
        headers: { accept: "text/event-stream", ...(lastId === "" ? {} : { "last-event-id": lastId }) },
        cache: "no-store",
        signal: mine.signal,
      })
      learnClock(response)
      if (response.status === 401) sessionEnded()
      if (response.ok && response.body !== null) {
        failures = 0
        onOpen()
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
        for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
          heard()
          parser.feed(chunk.value)
        }
      }
    } catch {
      // Lost on the way, or closed: the same as at its end.
    } finally {
      clearTimeout(watch)
      // What failed may have left the connection open.
      mine.abort()
    }
    if (request === mine) lose()
  }

  const retry = () => {
    if (timer === undefined || isClosed) return
    clearTimeout(timer)
    timer = undefined
    void open()
  }
  const onVisible = () => {
    if (document.visibilityState === "visible") retry()
  }
  addEventListener("online", retry)
  document.addEventListener("visibilitychange", onVisible)
  void open()

  return {
    retry,
    close: () => {
      isClosed = true
      clearTimeout(timer)
      request?.abort()
      removeEventListener("online", retry)
      document.removeEventListener("visibilitychange", onVisible)
    },
  }
}
