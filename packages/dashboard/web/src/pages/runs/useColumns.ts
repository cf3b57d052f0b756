/** Which columns are shown: as somebody chose in this browser, and as the width allows otherwise. */
import { useCallback, useMemo, useState } from "react"
import { choosable, defaultVisibility } from "./columns"
import { useMedia } from "./useMedia"

const storageKey = "runs.columns"

type Chosen = Readonly<Record<string, boolean>>

const read = (): Chosen => {
  try {
    const stored = JSON.parse(localStorage.getItem(storageKey) ?? "{}") as Record<string, unknown>
    return Object.fromEntries(
      choosable.flatMap(([id]) => (typeof stored[id] === "boolean" ? [[id, stored[id]] as const] : [])),
    )
  } catch {
    return {}
  }
}

const write = (chosen: Chosen): void => {
  try {
    if (Object.keys(chosen).length === 0) localStorage.removeItem(storageKey)
    else localStorage.setItem(storageKey, JSON.stringify(chosen))
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

export const useColumns = (hasLabels: boolean) => {
  const isWide = useMedia("(min-width: 1101px)")
  const [chosen, setChosen] = useState(read)
  const choose = useCallback((id: string, isShown: boolean) => {
    setChosen((before) => {
      const next = { ...before, [id]: isShown }
      write(next)
      return next
    })
  }, [])
  const reset = useCallback(() => {
    write({})
    setChosen({})
  }, [])
  const visibility = useMemo(
    () => ({ ...defaultVisibility(isWide, hasLabels), ...chosen }),
    [chosen, hasLabels, isWide],
  )
  return { visibility, choose, reset, isChosen: Object.keys(chosen).length > 0 }
}
