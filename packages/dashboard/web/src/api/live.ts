/** One stream of named events a page. */
import { useEffect, useRef, useSyncExternalStore } from "react"

/** Whether the stream of the page is open, or being opened again. `since`: when it was lost. */
export type Connection =
  | { readonly state: "none" }
  | { readonly state: "live" }
  | { readonly state: "reconnecting"; readonly since: number }

let connection: Connection = { state: "none" }
let paused = false
const listeners = new Set<() => void>()

const changed = (): void => {
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const useConnection = (): Connection => useSyncExternalStore(subscribe, () => connection)

export const usePaused = (): boolean => useSyncExternalStore(subscribe, () => paused)

/** While the pages are paused nothing that streams tell is shown. */
export const setPaused = (next: boolean): void => {
  paused = next
  changed()
}

const setConnection = (next: Connection): void => {
  if (next.state === connection.state) return
  connection = next
  changed()
}

/**
 * Follows a stream while the component is there. `on` has a function for each named event; each gets the decoded `data` and the event's
 * id. While paused, events are kept and given in order afterwards.
 */
export const useLive = (
  url: string | undefined,
  on: Readonly<Record<string, (data: never, id: string) => void>>,
): void => {
  const handlers = useRef(on)
  const isPaused = usePaused()
  const waiting = useRef<Array<() => void>>([])
  const pausedNow = useRef(isPaused)

  useEffect(() => {
    handlers.current = on
  })

  useEffect(() => {
    pausedNow.current = isPaused
    if (isPaused) return
    for (const give of waiting.current.splice(0)) give()
  }, [isPaused])

  const names = Object.keys(on).join(" ")
  useEffect(() => {
    if (url === undefined) return
    const source = new EventSource(url)
    source.addEventListener("open", () => setConnection({ state: "live" }))
    source.addEventListener("error", () => setConnection({ state: "reconnecting", since: Date.now() }))
    for (const name of names.split(" ")) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        const give = () => handlers.current[name]?.(JSON.parse(event.data) as never, event.lastEventId)
        if (pausedNow.current) waiting.current.push(give)
        else give()
        if (name === "end") source.close()
      })
    }
    return () => {
      source.close()
      waiting.current = []
      setConnection({ state: "none" })
    }
  }, [url, names])
}
