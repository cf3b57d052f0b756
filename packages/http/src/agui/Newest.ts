/**
 * What an answer that is made of a log has room for: its newest entries. The oldest are left out, and the beginning of one that is alone
 * and does not fit stays.
 */
import { RunLog } from "@runlease/core"
import * as JsonText from "@runlease/core/JsonText"

/** Entries by their keys, the oldest first. */
export interface Newest<K> {
  /** Adds an entry of `bytes` bytes of JSON at the end. The newest entry is never left out. */
  readonly add: (key: K, bytes: number) => void
  /** What of a text there is room for at the end of an entry: all of it, its beginning, or nothing where the entry was cut or left out. */
  readonly extend: (key: K, text: string) => string
  /** Whether only the beginning of an entry is there. */
  readonly isCut: (key: K) => boolean
  /** Takes an entry out that is not wanted any more. */
  readonly remove: (key: K) => void
  readonly keys: () => ReadonlyArray<K>
  /** About how many bytes of JSON were left out. */
  readonly omitted: () => number
}

interface Entry {
  bytes: number
  isCut: boolean
}

/** No entries. `leaveOut` is called with each entry that has no room any more. */
export const make = <K>(maxBytes: number, leaveOut: (key: K) => void = () => {}): Newest<K> => {
  const entries = new Map<K, Entry>()
  let bytes = 0
  let omitted = 0

  const remove = (key: K): void => {
    bytes -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }

  /** Leaves out the oldest entries until `more` bytes fit, or one is left. */
  const makeRoom = (more: number): void => {
    for (const [key, entry] of entries) {
      if (entries.size === 1 || bytes + more <= maxBytes) return
      omitted += entry.bytes
      remove(key)
      leaveOut(key)
    }
  }

  const cut = (entry: Entry, text: string, size: number): string => {
    const part = JsonText.beginning(text, maxBytes - bytes)
    const partSize = JsonText.sizeOf(part)
    entry.isCut = true
    entry.bytes += partSize
    bytes += partSize
    omitted += size - partSize
    return part
  }

  return {
    add: (key, own) => {
      remove(key)
      const size = own + RunLog.entryBytes
      entries.set(key, { bytes: size, isCut: false })
      bytes += size
      makeRoom(0)
    },
    extend: (key, text) => {
      const size = JsonText.sizeOf(text)
      if (entries.get(key)?.isCut === false) makeRoom(size)
      const entry = entries.get(key)
      if (entry === undefined || entry.isCut) {
        omitted += size
        return ""
      }
      if (bytes + size > maxBytes) return cut(entry, text, size)
      entry.bytes += size
      bytes += size
      return text
    },
    isCut: (key) => entries.get(key)?.isCut === true,
    remove,
    keys: () => [...entries.keys()],
    omitted: () => omitted,
  }
}
