/** Which dialog of the shell is open. */
import { useSyncExternalStore } from "react"

export type ShellDialog = "palette" | "keys" | "more"

let open: ShellDialog | undefined
const listeners = new Set<() => void>()

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const useShellDialog = (): ShellDialog | undefined => useSyncExternalStore(subscribe, () => open)

export const openShellDialog = (next: ShellDialog | undefined): void => {
  open = next
  for (const listener of listeners) listener()
}

/** Opens a dialog, or closes it where it is open. */
export const toggleShellDialog = (dialog: ShellDialog): void =>
  openShellDialog(open === dialog ? undefined : dialog)
