/** Keys as they are written: `j`, `?`, `Shift x`, `Enter`, `Mod k` (Ctrl, or Cmd on a Mac), and one after the other as `g o`. */

/** What of a keyboard event says which key it is. */
export interface KeyEvent {
  readonly key: string
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
  readonly shiftKey: boolean
  getModifierState(name: string): boolean
}

const modifiers = new Set(["Mod", "Shift"])
const modifierKeys = new Set(["Shift", "Control", "Meta", "Alt", "AltGraph", "CapsLock"])

/** The stroke of an event; undefined for a modifier alone, and for what belongs to the browser (Alt). */
export const strokeOf = (event: KeyEvent): string | undefined => {
  if (modifierKeys.has(event.key)) return undefined
  // On many keyboards `[` and `]` need AltGr, which some systems report as Ctrl and Alt.
  const isAltGraph = event.getModifierState("AltGraph") && event.key.length === 1
  if (event.altKey && !isAltGraph) return undefined
  const isMod = (event.ctrlKey || event.metaKey) && !isAltGraph
  const isLetter = /^\p{L}$/u.test(event.key)
  const key = isLetter ? event.key.toLowerCase() : event.key === " " ? "Space" : event.key
  // The Shift of `?` is part of the character.
  const isShift = event.shiftKey && (isLetter || key.length > 1)
  return `${isMod ? "Mod " : ""}${isShift ? "Shift " : ""}${key}`
}

/** The strokes that are pressed one after the other: `g o` has two, `Shift x` one. */
export const strokesOf = (keys: string): ReadonlyArray<string> => {
  const strokes: Array<string> = []
  let prefix = ""
  for (const word of keys.split(" ")) {
    if (modifiers.has(word)) prefix += `${word} `
    else {
      strokes.push(prefix + word)
      prefix = ""
    }
  }
  return strokes
}

/** What is printed on the keys, in the order in which they are pressed. */
export const keyCaps = (keys: string, isMac: boolean): ReadonlyArray<string> =>
  keys.split(" ").map((word) => {
    if (word === "Mod") return isMac ? "⌘" : "Ctrl"
    return /^\p{Ll}$/u.test(word) && /Mod|Shift/.test(keys) ? word.toUpperCase() : word
  })
