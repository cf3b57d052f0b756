/** At the end of the page it follows what comes; scrolled up, what comes is counted. */
import { useEffect, useLayoutEffect, useRef, useState } from "react"

/** So near to the end is at it. */
const near = 80

const isAtEnd = (): boolean =>
  window.scrollY + window.innerHeight >= document.documentElement.scrollHeight - near

const goToEnd = (): void => window.scrollTo({ top: document.documentElement.scrollHeight })

/**
 * How many of `count` parts are known where the others have just come; null where none are new. `before`: how many there were while it was
 * on, null while it was off. What is read until it is on is not new, nor are the first parts.
 */
export const knownBefore = (before: number | null, count: number, isOn: boolean): number | null =>
  isOn && before !== null && before > 0 && count > before ? before : null

/**
 * `count` is how many parts there are, `isOn` whether more may come. It follows once somebody has scrolled to the end: a page that is opened begins at its top. `fresh`
 * is how many have come out of sight.
 */
export const useFollow = (count: number, version: number, isOn: boolean) => {
  const follows = useRef(false)
  const [inSight, setInSight] = useState<number | null>(null)
  useEffect(() => {
    if (!isOn) return
    const look = () => {
      // A page that fits the window has nothing to scroll.
      follows.current = isAtEnd() && window.scrollY > 0
      if (isAtEnd()) setInSight(null)
    }
    window.addEventListener("scroll", look, { passive: true })
    return () => window.removeEventListener("scroll", look)
  }, [isOn])
  /** How many parts there were while it was on: null before, since what is read then is not new. */
  const before = useRef<number | null>(null)
  useLayoutEffect(() => {
    const latest = knownBefore(before.current, count, isOn)
    before.current = isOn ? count : null
    if (isOn && follows.current) goToEnd()
    else if (latest !== null && !isAtEnd()) setInSight((since) => since ?? latest)
  }, [count, version, isOn])
  const fresh = inSight === null ? 0 : count - inSight
  return {
    fresh,
    show: () => {
      setInSight(null)
      follows.current = true
      goToEnd()
    },
  }
}
