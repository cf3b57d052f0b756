/**
 * Follows a run to its end on the terminal.
 */
import { ControlPlaneError, Run, RunLog, Runs } from "@runlease/core"
import { Console, Effect, FiberHandle, Predicate, Ref, Schedule, Stream } from "effect"
import { ExitCode, QuietExit } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as RunLines from "../output/RunLines.js"
import * as Terminal from "../output/Terminal.js"
import { inputOf } from "./RunInput.js"
import * as Unclaimed from "./Unclaimed.js"
import * as Waits from "./Waits.js"

const exitCodes: Readonly<Record<Run.TerminalStatus, number>> = {
  completed: ExitCode.ok,
  failed: ExitCode.runFailed,
  cancelled: ExitCode.runCancelled,
}

/** Retries for a minute, which is long enough for a server to restart. */
const reconnect = Schedule.spaced("1 second").pipe(Schedule.intersect(Schedule.recurs(60)))

const endsInInterrupt = ({ event }: RunLog.LogEntry): boolean =>
  event.type === "RUN_FINISHED" &&
  Predicate.hasProperty(event["outcome"], "type") &&
  event["outcome"].type === "interrupt"

/**
 * Prints the events after event id `after` as they arrive, and ends when the run ends. The exit code is the run's outcome.
 *
 * Explains on stderr why a pending run does not start. Shows the questions of a waiting run, and prompts for the answers
 * on a terminal. An interruption leaves the run unchanged.
 *
 * A server that restarts gets a minute to come back. Callers check first that the server was reachable at all.
 */
export const follow = Effect.fnUntraced(function* (options: {
  readonly runId: Run.Run["runId"]
  readonly after: number
  readonly json: boolean
}) {
  const log = yield* RunLog.RunLog
  const runs = yield* Runs.Runs
  const paint = yield* Output.paint
  const shown = yield* Ref.make(Run.EventId.make(options.after))
  const waits = yield* FiberHandle.make()
  // A prompt is withdrawn when the run continues: the answer came from elsewhere, or the wait ended.
  const showWait = options.json
    ? Effect.void
    : FiberHandle.run(waits, Effect.ignore(Waits.show(options.runId)))
  yield* Effect.forkScoped(Unclaimed.explain(options.runId))
  const untilEnd = Stream.unwrap(
    Effect.map(Ref.get(shown), (after) => log.follow({ runId: options.runId, after })),
  ).pipe(
    Stream.runForEach((entry) =>
      Effect.zipRight(
        options.json
          ? Output.json({ event_id: entry.eventId, event: entry.event })
          : Terminal.write(RunLines.ofEvent(entry, paint)),
        Ref.set(shown, entry.eventId),
      ).pipe(Effect.zipRight(endsInInterrupt(entry) ? showWait : FiberHandle.clear(waits))),
    ),
    Effect.zipRight(runs.get(options.runId)),
  )
  const input = options.json || options.after > 0 ? undefined : yield* inputOf(options.runId)
  if (input !== undefined) yield* Terminal.write(RunLines.ofInput(input, paint))
  const before = yield* runs.get(options.runId)
  if (before.latestEventId <= options.after) yield* showWait
  const run = yield* untilEnd.pipe(
    Effect.retry({
      schedule: reconnect,
      while: (error) => ControlPlaneError.isControlPlaneError(error) && error.retryable,
    }),
    Effect.onInterrupt(() =>
      Effect.flatMap(Ref.get(shown), (after) =>
        Console.error(
          `\nThe run continues. To follow it again: runlease watch ${options.runId} --after ${after}`,
        ),
      ),
    ),
  )
  const exitCode = Run.isTerminal(run.status) ? exitCodes[run.status] : ExitCode.error
  return exitCode === ExitCode.ok ? undefined : yield* new QuietExit({ exitCode })
}, Effect.scoped)
