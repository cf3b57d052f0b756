/** The keys of the pages: each part adds its own while it is there, and `?` lists them all. */
import { useEffect, useRef, useSyncExternalStore } from "react"
import { strokeOf, strokesOf } from "./strokes"

export interface Key {
  /** What it does, as the list of keys says it: "Open the run". */
  readonly label: string
  /** Returning `false` leaves the event to the browser. */
  readonly run: (event: KeyboardEvent) => void | boolean
  /** Whether it runs again while its key is down. */
  readonly repeats?: boolean
}

export type Keys = Readonly<Record<string, Key>>

export interface KeyGroup {
  readonly title: string
  keys: Keys
}

/** The group of the shell. The keys of a page come before its keys. */
export const everywhere = "Everywhere"
const onThisPage = "On this page"

let groups: ReadonlyArray<KeyGroup> = []
const listeners = new Set<() => void>()

const setGroups = (next: ReadonlyArray<KeyGroup>): void => {
  groups = next
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** All keys that do something now. */
export const useKeyGroups = (): ReadonlyArray<KeyGroup> => useSyncExternalStore(subscribe, () => groups)

const typing = "input:not([type=checkbox],[type=radio],[type=range]), textarea, select, [contenteditable]"
const floating = "[role=dialog], [role=alertdialog], [role=menu], [role=listbox]"
const pressable = "a[href], button, summary, [role=button], [role=tab], [role=option], input"

/** Whether the element that has the focus needs the stroke for itself. */
const isTaken = (stroke: string, target: EventTarget | null): boolean => {
  if (stroke.startsWith("Mod ") || !(target instanceof Element)) return false
  if (target.closest(typing) !== null || target.closest(floating) !== null) return true
  return (stroke === "Enter" || stroke === "Space") && target.closest(pressable) !== null
}

/** Milliseconds after which the first stroke of a pair is forgotten. */
const pairWithin = 1000
let first: { readonly stroke: string; readonly at: number } | undefined

const onKeyDown = (event: KeyboardEvent): void => {
  if (event.defaultPrevented || event.isComposing) return
  const stroke = strokeOf(event)
  if (stroke === undefined || isTaken(stroke, event.target)) return
  const before = first !== undefined && event.timeStamp - first.at < pairWithin ? first.stroke : undefined
  first = undefined
  const ordered = [
    ...groups.filter(({ title }) => title !== everywhere).toReversed(),
    ...groups.filter(({ title }) => title === everywhere),
  ]
  const all = ordered.flatMap(({ keys }) =>
    Object.entries(keys).map(([name, key]) => ({ strokes: strokesOf(name), key })),
  )
  const found =
    all.find(({ strokes }) => strokes.length === 2 && strokes[0] === before && strokes[1] === stroke) ??
    all.find(({ strokes }) => strokes.length === 1 && strokes[0] === stroke)
  if (found !== undefined) {
    if (event.repeat && found.key.repeats !== true) return
    if (found.key.run(event) !== false) event.preventDefault()
  } else if (all.some(({ strokes }) => strokes.length === 2 && strokes[0] === stroke)) {
    first = { stroke, at: event.timeStamp }
  }
}

/**
 * Adds keys while the component is there: `useKeys({ j: { label: "Next row", run, repeats: true }, "Shift x": …, "g o": … })`. They do
 * nothing while somebody types or a dialog is open, but for those with `Mod`. Where two parts have the same key, the later one wins.
 */
export const useKeys = (keys: Keys, title: string = onThisPage): void => {
  const group = useRef<KeyGroup>({ title, keys })
  useEffect(() => {
    group.current.keys = keys
  })
  useEffect(() => {
    const mine = group.current
    if (groups.length === 0) addEventListener("keydown", onKeyDown)
    setGroups([...groups, mine])
    return () => {
      setGroups(groups.filter((one) => one !== mine))
      if (groups.length === 0) removeEventListener("keydown", onKeyDown)
    }
  }, [])
}
