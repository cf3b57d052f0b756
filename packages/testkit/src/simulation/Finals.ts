/** Reads how the runs of a project ended, with their logs. */
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import type { InvalidCursor } from "@runlease/core/Page"
import type { EventId, Run, RunNotFound } from "@runlease/core/Run"
import { type LogEntry, maxReadLimit, RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as Facts from "./Facts.js"
import type { Final } from "./History.js"

/**
 * Every run of the project, the newest first.
 *
 * @category reading
 */
export const allRuns: Effect.Effect<ReadonlyArray<Run>, InvalidCursor | ControlPlaneError, Runs> = Effect.gen(
  function* () {
    const runs = yield* Runs
    const found: Array<Run> = []
    let cursor: string | undefined
    do {
      const page = yield* runs.list({ limit: 100, cursor })
      found.push(...page.items)
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return found
  },
)

const logOf = (runId: Run["runId"]) =>
  Effect.gen(function* () {
    const log = yield* RunLog
    const entries: Array<LogEntry> = []
    let after: EventId | undefined
    for (;;) {
      const page = yield* log.read({ runId, after, limit: maxReadLimit })
      if (page.length === 0) return entries
      entries.push(...page)
      after = page.at(-1)!.eventId
    }
  })

/**
 * Every run with its log.
 *
 * @category reading
 */
export const finals: Effect.Effect<
  ReadonlyArray<Final>,
  InvalidCursor | RunNotFound | ControlPlaneError,
  Runs | RunLog
> = Effect.flatMap(allRuns, (runs) =>
  Effect.forEach(runs, (run) => Effect.map(logOf(run.runId), (log) => Facts.finalOf(run, log))),
)
