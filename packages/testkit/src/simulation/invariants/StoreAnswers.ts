/** The store has an answer for each request that reaches it. A commit that it has to undo, it makes again. */
import type { Answered } from "../History.js"
import { isRefused } from "./Calls.js"
import { instant, type Invariant } from "./Violation.js"

/** @category invariants */
export const storeAnswers: Invariant = {
  name: "store-answers",
  holds: "the store is available to each request that reaches it",
  broken: ({ calls }) =>
    calls.flatMap(({ call, executions, from }) =>
      executions.flatMap(({ answer, at }: Answered<unknown>) =>
        isRefused(answer) && answer.refused === "ControlPlaneUnavailable"
          ? [`${call} of ${from} reached the store, which was not available to it at ${instant(at)}`]
          : [],
      ),
    ),
}
