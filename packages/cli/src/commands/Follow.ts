/**
 * Follows a run to its end on the terminal.
 */
import {
  ControlPlaneError,
  type Ids,
  type Interrupt,
  Run,
  RunLog,
  Runs,
  WorkerRegistry,
  WorkerState,
} from "@runlease/core"
import * as PendingObstacle from "@runlease/store/PendingObstacle"
import { Console, DateTime, Effect, FiberHandle, Predicate, Ref, Schedule, Schema, Stream } from "effect"
import * as AboutLines from "../output/AboutLines.js"
import { ExitCode, QuietExit } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Prompt from "../output/Prompt.js"
import * as RunLines from "../output/RunLines.js"
import * as Terminal from "../output/Terminal.js"
import { inputOf } from "./RunInput.js"

const parseJson = Schema.decodeOption(Schema.parseJson())

/** The payload of a typed line: yes, no, JSON, or the text itself. A question for text takes the text alone. */
const payloadOf = (line: string, { responseSchema }: Interrupt.Interrupt): unknown => {
  const text = line.trim()
  if (responseSchema?.["type"] === "string") return text
  if (/^(y|yes)$/i.test(text)) return { approved: true }
  if (/^(n|no)$/i.test(text)) return { approved: false }
  const json = parseJson(text)
  return json._tag === "Some" ? json.value : text
}

const answer = Effect.fnUntraced(function* (runId: Ids.RunId, interrupt: Interrupt.Interrupt) {
  const runs = yield* Runs.Runs
  const line = yield* Prompt.line(
    `\n${RunLines.questionOf(interrupt)}${AboutLines.of(interrupt, "  ")}\nAnswer with y, n, JSON or text; an empty line leaves it to others: `,
  )
  if (line.trim() === "") return
  yield* runs
    .resume(runId, [{ interruptId: interrupt.id, status: "resolved", payload: payloadOf(line, interrupt) }])
    .pipe(
      Effect.catchTags({
        NotWaiting: ({ message }) => Console.error(message),
        AnswerRefused: ({ field, message }) => Console.error(`${field}: ${message}`),
      }),
    )
})

/** Prints a waiting run as `runs get` does. On a terminal it then prompts for each answer and sends it. */
const show = Effect.fnUntraced(function* (
  runId: Ids.RunId,
): Effect.fn.Return<void, Run.RunNotFound | ControlPlaneError.ControlPlaneError, Runs.Runs> {
  const runs = yield* Runs.Runs
  const run = yield* runs.get(runId)
  if (run.status !== "waiting") return
  yield* Console.log(`\n${RunLines.toText(run, yield* DateTime.now)}`)
  if (!(yield* Prompt.isInteractive)) return
  yield* Effect.forEach(RunLines.openInterrupts(run), (interrupt) => answer(runId, interrupt), {
    discard: true,
  })
})

/** How long a run may stay pending before the command explains why. */
const explainAfter = "5 seconds"

/** Whether a worker that claims takes the run. */
const canClaim =
  (run: Run.Run, now: DateTime.Utc) =>
  (worker: WorkerRegistry.RegisteredWorker): boolean => {
    const state = WorkerState.of(worker, now)
    return (state === "working" || state === "idle") && WorkerState.canClaim(worker, run)
  }

const reasonOf = (
  run: Run.Run,
  workers: ReadonlyArray<WorkerRegistry.RegisteredWorker>,
  now: DateTime.Utc,
) => {
  if (DateTime.greaterThan(run.availableAt, now)) {
    return `Run ${run.runId} may be claimed from ${DateTime.formatIso(run.availableAt)} on.`
  }
  const candidates = workers.filter(canClaim(run, now))
  return candidates.length === 0
    ? `No worker that takes runs of agent ${run.agentId} is working. Start one with: ${PendingObstacle.startCommand(run)}`
    : `Run ${run.runId} waits for a slot of ${candidates.length === 1 ? "the worker" : `one of the ${candidates.length} workers`} that may take it, or for an earlier run of its conversation.`
}

/** Prints on stderr that no worker takes a run which waits for one now. Prints nothing for any other run. */
export const warn = (run: Run.Run) =>
  Effect.gen(function* () {
    const now = yield* DateTime.now
    if (run.status !== "pending" || DateTime.greaterThan(run.availableAt, now)) return
    const registry = yield* WorkerRegistry.WorkerRegistry
    const { items } = yield* registry.list({ limit: 100 })
    if (!items.some(canClaim(run, now))) yield* Console.error(reasonOf(run, items, now))
  }).pipe(Effect.ignore)

/** Prints on stderr, once, why a run is still pending after five seconds. Prints nothing for any other run. */
export const explain = Effect.fnUntraced(function* (runId: Ids.RunId) {
  yield* Effect.sleep(explainAfter)
  const runs = yield* Runs.Runs
  const registry = yield* WorkerRegistry.WorkerRegistry
  const run = yield* runs.get(runId)
  if (run.status !== "pending") return
  const { items } = yield* registry.list({ limit: 100 })
  yield* Console.error(reasonOf(run, items, yield* DateTime.now))
}, Effect.ignore)

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
  const showWait = options.json ? Effect.void : FiberHandle.run(waits, Effect.ignore(show(options.runId)))
  yield* Effect.forkScoped(explain(options.runId))
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
