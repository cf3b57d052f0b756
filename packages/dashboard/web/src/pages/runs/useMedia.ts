import { useCallback, useSyncExternalStore } from "react"

/** Whether a media query holds now. */
export const useMedia = (query: string): boolean =>
  useSyncExternalStore(
    useCallback(
      (listener) => {
        const media = matchMedia(query)
        media.addEventListener("change", listener)
        return () => media.removeEventListener("change", listener)
      },
      [query],
    ),
    () => matchMedia(query).matches,
  )

export const usePhone = (): boolean => useMedia("(max-width: 899.98px)")
