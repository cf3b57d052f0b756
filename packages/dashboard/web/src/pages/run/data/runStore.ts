/** The log of a run as the page shows it: folded as it comes, shown four times a second at most. */
import { type Entry, makeRunLog, type RunLog } from "../model/runLog"
import { take } from "../model/log"

export interface RunStore {
  readonly log: RunLog
  readonly add: (entries: ReadonlyArray<Entry>) => void
  readonly subscribe: (listener: () => void) => () => void
  /** Changes when there is something new to show. */
  readonly version: () => number
}

const between = 250

export const makeRunStore = (): RunStore => {
  const log = makeRunLog()
  const listeners = new Set<() => void>()
  let shown = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let last = 0
  const show = () => {
    timer = undefined
    last = performance.now()
    if (shown === log.version) return
    shown = log.version
    for (const listener of listeners) listener()
  }
  return {
    log,
    add: (entries) => {
      take(log, entries)
      timer ??= setTimeout(show, Math.max(0, between - (performance.now() - last)))
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    version: () => shown,
  }
}
