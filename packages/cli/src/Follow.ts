/**
 * Following a run to its end on the terminal.
 */
import { Run, RunLog, Runs } from "@runlease/core"
import { Console, Effect, Stream } from "effect"
import { ExitCode, QuietExit } from "./ExitCode.js"
import * as Output from "./Output.js"
import * as RunLines from "./RunLines.js"

const exitCodes: Readonly<Record<Run.TerminalStatus, number>> = {
  completed: ExitCode.ok,
  failed: ExitCode.runFailed,
  cancelled: ExitCode.runCancelled,
}

const write = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stdout.write(text)
  })

/**
 * Shows the events after `after` as they come; the exit code says how the run ended. Interrupting it leaves
 * the run alone.
 */
export const follow = Effect.fnUntraced(function* (options: {
  readonly runId: Run.Run["runId"]
  readonly after: number
  readonly json: boolean
}) {
  const log = yield* RunLog.RunLog
  const runs = yield* Runs.Runs
  const paint = yield* Output.paint
  yield* log.follow({ runId: options.runId, after: Run.EventId.make(options.after) }).pipe(
    Stream.runForEach((entry) =>
      options.json
        ? Output.json({ event_id: entry.eventId, event: entry.event })
        : write(RunLines.ofEvent(entry, paint)),
    ),
    Effect.onInterrupt(() =>
      Console.error(`\nThe run goes on. To follow it again: runlease watch ${options.runId}`),
    ),
  )
  const run = yield* runs.get(options.runId)
  const exitCode = Run.isTerminal(run.status) ? exitCodes[run.status] : ExitCode.error
  return exitCode === ExitCode.ok ? undefined : yield* new QuietExit({ exitCode })
})
