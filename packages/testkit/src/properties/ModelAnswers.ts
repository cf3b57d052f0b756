/** Answers in the model: resuming a waiting run, and follow-up inputs of its client. */
import * as ModelLog from "./ModelLog.js"
import { isAsking } from "./ModelBudgets.js"
import { end, type Run, type State, withoutWait } from "./ModelState.js"
import type { CallResult, Request } from "./Request.js"

/** Applies all answers or none. The run becomes pending when no call is open. */
export const resume = (run: Run, results: ReadonlyArray<CallResult>): readonly [Run, string] => {
  const [first, ...others] = results
  if (first === undefined) return [run, "Duplicate"]
  const waiting = run.waiting.filter(({ call }) => call !== first.call)
  if (waiting.length === run.waiting.length) {
    return run.answers[first.call] === first.result ? resume(run, others) : [run, "NotWaiting"]
  }
  const answers = { ...run.answers, [first.call]: first.result }
  const allAnswered = waiting.length === 0
  const status = allAnswered ? "pending" : run.status
  const ofClient = run.ofClient && !allAnswered
  const left = allAnswered ? withoutWait(run) : { ...run, waiting }
  const [after, verdict] = resume({ ...left, status, answers, ofClient }, others)
  return verdict === "NotWaiting" ? [run, verdict] : [after, "Resumed"]
}

/** An input continues the run when it answers every open call; otherwise it belongs to a new run. */
export const followUp = (
  state: State,
  run: Run,
  request: Extract<Request, { _tag: "FollowUp" }>,
): readonly [Run, string] => {
  const { input } = request
  const answers = JSON.stringify(request.answers)
  const named = state.runs.flatMap(({ inputs, run: number }) =>
    inputs.flatMap((each) => (each.input === input ? [{ ...each, run: number }] : [])),
  )[0]
  if (named !== undefined) {
    const same = named.run === run.run && named.answers === answers
    return [run, same ? `Again after ${named.since}` : "SubmissionConflict"]
  }
  const results = request.answers.filter(({ call }) => run.waiting.some((open) => open.call === call))
  const before = run.inputs.findLast((each) => each.answers === answers)
  if (results.length === 0 && before !== undefined) {
    return [{ ...run, inputs: [...run.inputs, { ...before, input }] }, `Again after ${before.since}`]
  }
  if (run.status !== "waiting" || run.waiting.length === 0) return [run, `Left ${run.status}`]
  if (isAsking(run)) return [run, "Uncovered waiting"]
  if (results.length < run.waiting.length) {
    return run.ofClient ? [end(state, run, "completed", null), "Left completed"] : [run, "Left waiting"]
  }
  const since = ModelLog.questionEvent(run.log)
  return [
    {
      ...withoutWait(run),
      status: "pending",
      answers: { ...run.answers, ...Object.fromEntries(results.map(({ call, result }) => [call, result])) },
      ofClient: true,
      inputs: [...run.inputs, { input, answers, since }],
    },
    `Continued after ${since}`,
  ]
}
