/**
 * Once nothing goes wrong any more, every run ends, and nothing has died.
 *
 * @since 0.1.0
 */
import { instant, type Invariant } from "./Violation.js"

const terminal = new Set(["completed", "failed", "cancelled"])

/**
 * @since 0.1.0
 * @category invariants
 */
export const eachRunEnds: Invariant = {
  name: "each-run-ends",
  holds: "each run ends once nothing goes wrong any more",
  broken: ({ crashes, endedAt, final, settled }) => [
    ...crashes,
    ...final.flatMap(({ run, status }) =>
      terminal.has(status) ? [] : [`run ${run} was still ${status} at ${instant(endedAt)}`],
    ),
    ...(settled || crashes.length > 0 || final.some(({ status }) => !terminal.has(status))
      ? []
      : [`a client was still not answered at ${instant(endedAt)}`]),
  ],
}
