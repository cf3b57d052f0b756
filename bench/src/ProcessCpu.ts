/** CPU of processes that this benchmark starts but does not run: PostgreSQL, Redis and Restate. */
import { readFileSync } from "node:fs"

/** Microseconds in a unit of /proc/<pid>/stat, which Linux fixes at a hundredth of a second. */
const tick = 10_000

interface Stat {
  readonly parent: number
  /** Microseconds of the process itself, and of its children that have ended. */
  readonly own: number
  readonly ended: number
}

const statOf = (pid: number): Stat => {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8")
  // The second field is a name in brackets, which may contain spaces.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const at = (field: number): number => Number(fields[field - 3])
  return { parent: at(4), own: (at(14) + at(15)) * tick, ended: (at(16) + at(17)) * tick }
}

/** A process may end between the listing and the reading. Its parent then counts it as ended. */
const ownOf = (pid: number): number => {
  try {
    return statOf(pid).own
  } catch {
    return 0
  }
}

/** The parent of a process, or null where there is no /proc. */
export const parentOf = (pid: number): number | null => {
  try {
    return statOf(pid).parent
  } catch {
    return null
  }
}

/** Microseconds of CPU that a process and its children, living and ended, have used so far. */
export const ofFamily = (pid: number): number => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim()
  const { ended, own } = statOf(pid)
  return children
    .split(" ")
    .filter((child) => child !== "")
    .reduce((sum, child) => sum + ownOf(Number(child)), own + ended)
}
