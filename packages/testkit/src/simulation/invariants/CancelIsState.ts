/** A cancelled run stops, whatever of it is pushed: its worker learns of it from the answer to each renewal and each append. */
import { accepted } from "./Calls.js"
import { instant, type Invariant } from "./Violation.js"

/** @category invariants */
export const cancelIsState: Invariant = {
  name: "cancel-is-state",
  holds: "no executor of a cancelled run works for longer than a lease, and the store accepts nothing of it",
  broken: (history, executions) => {
    const cancelledAt = new Map(
      accepted(history, "Cancel").flatMap(({ answer, at }) =>
        answer.cancelled ? [[answer.run, at] as const] : [],
      ),
    )
    if (cancelledAt.size === 0) return []
    const working = executions.flatMap(({ run, spans }) => {
      const at = cancelledAt.get(run)
      const late =
        at === undefined
          ? undefined
          : spans.find(({ from, isUnaware, to }) => !isUnaware && from < to && to > at + history.lease)
      return at === undefined || late === undefined
        ? []
        : [
            `run ${run} was cancelled at ${instant(at)}, and ${late.process} executed it until ${instant(late.to)}`,
          ]
    })
    const appended = accepted(history, "Append").flatMap(({ at, call: { from, request } }) => {
      const cancelled = cancelledAt.get(request.run)
      return cancelled === undefined || at <= cancelled
        ? []
        : [
            `run ${request.run} was cancelled at ${instant(cancelled)}, and an append of ${from} accepted at ${instant(at)}`,
          ]
    })
    const renewed = accepted(history, "Renew").flatMap(({ answer, at, call }) =>
      answer.renewals.flatMap(({ run, verdict }) => {
        const cancelled = cancelledAt.get(run)
        return cancelled === undefined || at <= cancelled || verdict !== "Renewed"
          ? []
          : [
              `run ${run} was cancelled at ${instant(cancelled)}, and ${call.from} renewed its lease at ${instant(at)}`,
            ]
      }),
    )
    return [...working, ...appended, ...renewed]
  },
}
