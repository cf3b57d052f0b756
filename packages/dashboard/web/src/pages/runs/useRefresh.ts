/** Does something again and again while the page is there and not paused, and says when it fails. */
import { useCallback, useEffect, useRef, useState } from "react"
import { usePaused } from "../../api/live"

const every = 10_000

export interface RefreshFailure {
  readonly message: string
  /** When it last succeeded. */
  readonly since: number
  readonly nextAt: number
}

export interface Refresh {
  readonly failure: RefreshFailure | undefined
  /** Does it at once. */
  readonly now: () => void
}

export const useRefresh = (read: () => Promise<void>, isEnabled: boolean): Refresh => {
  const isPaused = usePaused()
  const [failure, setFailure] = useState<RefreshFailure>()
  const [turn, setTurn] = useState(0)
  const succeeded = useRef<number>(undefined)
  const run = useCallback(async () => {
    try {
      await read()
      succeeded.current = Date.now()
      setFailure(undefined)
    } catch (error) {
      setFailure({
        message: error instanceof Error ? error.message : String(error),
        since: succeeded.current ?? Date.now(),
        nextAt: Date.now() + every,
      })
    }
    setTurn((before) => before + 1)
  }, [read])
  useEffect(() => {
    succeeded.current ??= Date.now()
    if (isPaused || !isEnabled) return
    const timer = setTimeout(() => {
      if (document.hidden) setTurn((before) => before + 1)
      else void run()
    }, every)
    return () => clearTimeout(timer)
  }, [isEnabled, isPaused, run, turn])
  return { failure, now: useCallback(() => void run(), [run]) }
}
