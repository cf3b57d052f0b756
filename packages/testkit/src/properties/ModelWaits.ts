/** Waits in the model: what a run waits for once it is suspended. */
import * as ModelBudgets from "./ModelBudgets.js"
import { isOver } from "./ModelFamilies.js"
import * as ModelLog from "./ModelLog.js"
import { resumeRun, type Run, type State } from "./ModelState.js"
import type { Calls, Request } from "./Request.js"

/** The calls that a run is to wait for, with their times. */
export const pendingCalls = ({ now }: State, { calls, expiresAfter }: Calls): Run["waiting"] =>
  calls.map(({ call, until }) => ({
    call,
    until: until ?? (expiresAfter === null ? null : now + expiresAfter),
  }))

/** The run after it has begun to wait for what a pause says. */
export const pause = (state: State, run: Run, request: Extract<Request, { _tag: "Pause" }>): Run => {
  if (request.calls.length === 0 && ModelBudgets.mustAsk(run)) {
    return ModelBudgets.requestMore({ ...run, attempt: 0, lease: null })
  }
  const isMet = isOver(run, request.children) || (request.inbox !== null && run.inbox.length > request.inbox)
  const waiting = isMet ? [] : pendingCalls(state, request)
  const after: Run = {
    ...run,
    awaitsBudget: request.budget,
    status: "waiting",
    attempt: 0,
    lease: null,
    waiting,
    wakesAt: request.time === null ? null : state.now + request.time,
    awaiting: request.children.length === 0 ? null : request.children,
    listening: request.inbox,
    log: (waiting.length === 0 ? ModelLog.pause : ModelLog.suspend)(run.log),
  }
  return isMet ? resumeRun(state, after) : after
}
