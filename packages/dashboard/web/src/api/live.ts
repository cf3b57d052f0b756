/** One stream of named events a page. */
import { useEffect, useRef, useSyncExternalStore } from "react"
import { type EventStream, openStream } from "./eventStream"
import { serverNow } from "./serverClock"

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
