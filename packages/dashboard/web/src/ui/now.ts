/** The time, for what counts while it is looked at: one timer for all. */
import { useSyncExternalStore } from "react"
import { usePaused } from "../api/live"
import { serverNow } from "../api/serverClock"

let now = serverNow()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  if (timer === undefined) now = serverNow()
  timer ??= setInterval(() => {
    now = serverNow()
    for (const one of listeners) one()
  }, 1000)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

let frozen = now

/** Milliseconds since the epoch by the server's clock, anew each second; the same while the pages are paused. */
export const useNow = (): number => {
  const isPaused = usePaused()
  const current = useSyncExternalStore(subscribe, () => now)
  if (!isPaused) frozen = current
  return isPaused ? frozen : current
}
