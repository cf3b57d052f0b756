/** Whether an element has been in sight, or near it: what it shows is read no sooner. */
import { useEffect, useRef, useState, type RefObject } from "react"

export const useSeen = <E extends Element>(): {
  readonly ref: RefObject<E | null>
  readonly isSeen: boolean
} => {
  const ref = useRef<E>(null)
  const [isSeen, setSeen] = useState(false)
  useEffect(() => {
    const element = ref.current
    if (isSeen || element === null) return
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setSeen(true)
      },
      { rootMargin: "200px" },
    )
    observer.observe(element)
    return () => observer.disconnect()
  }, [isSeen])
  return { ref, isSeen }
}
