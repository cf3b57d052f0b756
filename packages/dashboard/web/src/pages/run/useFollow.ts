/** At the end of the page it follows what comes; scrolled up, what comes is counted. */
import { useEffect, useLayoutEffect, useRef, useState } from "react"

/** So near to the end is at it. */
const near = 80

const isAtEnd = (): boolean =>
  window.scrollY + window.innerHeight >= document.documentElement.scrollHeight - near

const goToEnd = (): void => window.scrollTo({ top: document.documentElement.scrollHeight })

/**
 * `count` is how many parts there are. It follows once somebody has scrolled to the end: a page that is opened begins at its top. `fresh`
 * is how many have come out of sight.
 */
export const useFollow = (count: number, version: number, isOn: boolean) => {
  const follows = useRef(false)
  const [seen, setSeen] = useState<number | null>(null)
  useEffect(() => {
    if (!isOn) return
    const look = () => {
      // A page that fits the window has nothing to scroll.
      follows.current = isAtEnd() && window.scrollY > 0
      if (isAtEnd()) setSeen(null)
    }
    window.addEventListener("scroll", look, { passive: true })
    return () => window.removeEventListener("scroll", look)
  }, [isOn])
  const before = useRef(count)
  useLayoutEffect(() => {
    if (isOn && follows.current) goToEnd()
    else if (isOn && count > before.current && before.current > 0 && !isAtEnd()) {
      const known = before.current
      setSeen((since) => since ?? known)
    }
    before.current = count
  }, [count, version, isOn])
  const fresh = seen === null ? 0 : count - seen
  return {
    fresh,
    show: () => {
      setSeen(null)
      follows.current = true
      goToEnd()
    },
  }
}
