/** Once nothing goes wrong any more, every run ends, and nothing has died. */
import { instant, type Invariant } from "./Violation.js"

const terminal = new Set(["completed", "failed", "cancelled"])

/** @category invariants */
export const eachRunEnds: Invariant = {
  name: "each-run-ends",
  holds: "each run ends once nothing goes wrong any more",
  broken: ({ crashes, endedAt, final, schedules = [], settled }) => {
    const open = final.filter(({ status }) => !terminal.has(status))
    const ticking = schedules.filter(({ isComplete }) => !isComplete)
    const isExplained = crashes.length > 0 || open.length > 0 || ticking.length > 0
    return [
      ...crashes,
      ...open.map(({ run, status }) => `run ${run} was still ${status} at ${instant(endedAt)}`),
      ...ticking.map(({ key }) => `schedule ${key} still had ticks to come at ${instant(endedAt)}`),
      ...(settled || isExplained ? [] : [`a client was still not answered at ${instant(endedAt)}`]),
    ]
  },
}
