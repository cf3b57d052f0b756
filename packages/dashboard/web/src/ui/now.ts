/** The time, for what counts while it is looked at: one timer for all. */
import { useSyncExternalStore } from "react"
import { usePaused } from "../api/live"

let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  timer ??= setInterval(() => {
    now = Date.now()
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

/** Milliseconds since the epoch, anew each second; the same while the pages are paused. */
export const useNow = (): number => {
  const isPaused = usePaused()
  const current = useSyncExternalStore(subscribe, () => now)
  if (!isPaused) frozen = current
  return isPaused ? frozen : current
}
