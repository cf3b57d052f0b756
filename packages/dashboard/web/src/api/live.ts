/** One stream of named events a page. */
import { createParser } from "eventsource-parser"
import { useEffect, useRef, useSyncExternalStore } from "react"
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

const openStream = (url: string, { onEvent, onLost, onOpen }: StreamListener): EventStream => {
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

/** Whether the page has a stream, and whether it is open. `since`: when it was lost; it is tried again at `retryAt`. */
export type Connection =
  | { readonly state: "none" }
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  | { readonly state: "reconnecting"; readonly since: number; readonly retryAt: number }

let connection: Connection = { state: "none" }

let paused = false

let waitingEvents = 0

let current: EventStream | undefined

const listeners = new Set<() => void>()

const changed = (): void => {
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const useConnection = (): Connection => useSyncExternalStore(subscribe, () => connection)

export const isPaused = (): boolean => paused

export const usePaused = (): boolean => useSyncExternalStore(subscribe, isPaused)

/** How many events have come since the pages were paused. */
export const useWaitingEvents = (): number => useSyncExternalStore(subscribe, () => waitingEvents)

/** While the pages are paused, no event of a stream is shown. */
export const setPaused = (next: boolean): void => {
  paused = next
  waitingEvents = 0
  changed()
}

/** Opens a lost stream now. */
export const reconnect = (): void => current?.retry()

const setConnection = (next: Connection): void => {
  connection = next
  changed()
}

/** The next page has its own stream at once: between the two nothing is shown as lost. */
let leaving: ReturnType<typeof setTimeout> | undefined

const enter = (): void => {
  clearTimeout(leaving)
  if (connection.state !== "live") setConnection({ state: "connecting" })
}

const leave = (): void => {
  clearTimeout(leaving)
  leaving = setTimeout(() => setConnection({ state: "none" }), 400)
}

interface Waiting {
  readonly name: string
  readonly give: () => void
}

/**
 * Follows a stream while the component is there. `on` has a function for each named event; each gets the decoded `data` and the event's
 * id. While paused, events are queued and delivered in order afterwards; of those in `wholes`, which replace each other, the latest.
 */
export const useLive = (
  url: string | undefined,
  on: Readonly<Record<string, (data: never, id: string) => void>>,
  wholes: ReadonlyArray<string> = [],
): void => {
  const handlers = useRef({ on, wholes })
  const isPausedNow = usePaused()
  const waiting = useRef<Array<Waiting>>([])

  useEffect(() => {
    handlers.current = { on, wholes }
  })

  useEffect(() => {
    if (isPausedNow) return
    for (const { give } of waiting.current.splice(0)) give()
  }, [isPausedNow])

  useEffect(() => {
    if (url === undefined) return
    enter()
    const stream = openStream(url, {
      onOpen: () => setConnection({ state: "live" }),
      onLost: (retryAt) =>
        setConnection({
          state: "reconnecting",
          since: connection.state === "reconnecting" ? connection.since : serverNow(),
          retryAt,
        }),
      onEvent: (name, data, id) => {
        const give = () => handlers.current.on[name]?.(JSON.parse(data) as never, id)
        if (!paused) give()
        else {
          if (handlers.current.wholes.includes(name)) {
            waiting.current = waiting.current.filter((one) => one.name !== name)
          }
          waiting.current.push({ name, give })
          waitingEvents += 1
          changed()
        }
        if (name === "end") {
          stream.close()
          leave()
        }
      },
    })
    current = stream
    return () => {
      stream.close()
      if (current === stream) current = undefined
      waiting.current = []
      leave()
    }
  }, [url])
}
