/** Waits for a run by its log. */
import { Context, Effect, Option } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import { isTerminal, type Run, type RunNotFound } from "../model/Run.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { type LogEntry, RunLog, takeWith } from "../ports/RunLog.js"
import { Runs } from "../ports/Runs.js"
import { openOf } from "../ports/ResumeRules.js"

/** Whether a run has ended or waits for answers: no further event follows before the answers, or at all. */
export const isSettled = (run: Run): boolean =>
  isTerminal(run.status) || (run.status === "waiting" && openOf(run).length > 0)

/** What a wait does with the entries that come meanwhile, and what it waits for: `isSettled` when absent. */
export interface Fold {
  readonly take?: (entry: LogEntry) => Effect.Effect<unknown>
  readonly until?: (run: Run) => boolean
}

/** The events after which a run may have ended, or wait for answers. Only the run says whether it has. */
const mayEnd = ({ type }: LogEvent): boolean => type === "RUN_FINISHED" || type === "RUN_ERROR"

/** The run once it has settled. `take` has the entries of its log that come after `run` was read. */
export const untilSettled = (
  ports: Context.Context<Runs | RunLog>,
  run: Run,
  { take, until = isSettled }: Fold = {},
): Effect.Effect<Run, RunNotFound | ControlPlaneError> =>
  Effect.suspend(() => {
    if (until(run)) return Effect.succeed(run)
    const { latestEventId: after, runId } = run
    const now = Context.get(ports, Runs).get(runId)
    let settled: Run | undefined
    const goesOn = Effect.map(now, (read) => {
      if (until(read)) settled = read
      return settled === undefined
    })
    const each = (entry: LogEntry) => {
      const next = mayEnd(entry.event) ? goesOn : Effect.succeed(true)
      return take === undefined ? next : Effect.zipRight(take(entry), next)
    }
    // The log of a run ends with it.
    return Effect.flatMap(
      takeWith(Context.get(ports, RunLog).reader({ runId }), after, (entries) =>
        Effect.map(
          Effect.findFirst(entries, (entry) => Effect.negate(each(entry))),
          Option.isNone,
        ),
      ),
      () => (settled === undefined ? now : Effect.succeed(settled)),
    )
  })
