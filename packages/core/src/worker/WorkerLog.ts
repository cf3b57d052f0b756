/**
 * What becomes of the runs of a worker, as lines of its log.
 *
 * A busy worker has thousands of events a second. Its first ones of each ten seconds have a line each, and one line counts the rest. A
 * failure, and a run that another worker has lost, do not share their lines with plain events.
 *
 * Source: docs/operations.md
 */
import { Duration, Effect, FiberRef, LogLevel, Mailbox, type Scope } from "effect"
import type { ClaimedRun } from "../model/Run.js"
import { RunLog } from "../ports/RunLog.js"
import type { RegisteredWorker } from "../ports/WorkerRegistry.js"
import * as WorkerState from "../ports/WorkerState.js"
import * as AttemptTrace from "./AttemptTrace.js"
import * as OwnAgents from "./OwnAgents.js"
import type { WorkerEvent } from "./WorkerEvent.js"
import { resolve, type WorkerOptions } from "./WorkerOptions.js"

/** How long one count lasts. */
const window = Duration.seconds(10)

/** How many lines plain events have in that time, and how many the others. */
const maxLines = 20

/** What is counted where it has no line. */
type Kind = "claimed" | "completed" | "failed" | "cancelled" | "retried" | "waiting" | "handed back" | "lost"

/** An event of a run. `isTrouble`: it is no plain one. */
interface Entry {
  readonly kind: Kind
  readonly run: ClaimedRun
  readonly isTrouble: boolean
  readonly text: string
}

/** A message on one line. The frames of a stack are in the line of the exception itself. */
const oneLine = (message: string): string => message.replace(/\n\s+at [^]*/, "").replaceAll(/\s*\n\s*/g, " ")

const entry = (kind: Kind, run: ClaimedRun, text: string, isTrouble = false): Entry => ({
  kind,
  run,
  text,
  isTrouble,
})

/** `maxAttempts` is null where the control plane does not say it. */
const attemptOf = ({ attempt, maxAttempts }: ClaimedRun): string =>
  maxAttempts === null ? `attempt ${attempt}` : `attempt ${attempt} of ${maxAttempts}`

const entryOf = (event: WorkerEvent): Entry | undefined => {
  switch (event._tag) {
    case "Claimed":
      return entry("claimed", event.run, "is claimed", event.run.attempt > 1)
    case "Ended":
      return event.error === null
        ? entry(event.status, event.run, `is ${event.status}`)
        : entry(event.status, event.run, `has ${event.status}: ${event.error.message}`, true)
    case "Retrying":
      return entry(
        "retried",
        event.run,
        `is tried again in ${Duration.format(event.delay)}: ${event.error.message}`,
        true,
      )
    case "Suspended":
      return entry(
        "waiting",
        event.run,
        `waits for ${event.waiting.interrupts.map(({ id }) => id).join(", ")}`,
      )
    case "Paused":
      return entry("waiting", event.run, "waits without a worker")
    case "Released":
      return entry(
        "handed back",
        event.run,
        event.error === null ? "is handed back" : `is handed back: ${event.error.message}`,
        event.error !== null,
      )
    case "LeaseEnded":
      return event.reason === "Cancelled"
        ? entry("cancelled", event.run, "is left alone: it is cancelled")
        : entry("lost", event.run, `is left alone: its lease is ${event.reason.toLowerCase()}`, true)
    default:
      return undefined
  }
}

/** Lines that are left, and what came after the last of them, by its kind. */
interface Count {
  lines: number
  rest: Map<Kind, number>
}

const makeCount = (): Count => ({ lines: maxLines, rest: new Map() })

/**
 * Returns what observes the events of a worker, and logs them until the Scope closes. It does nothing where the least level of the log is
 * above a warning.
 */
export const make: Effect.Effect<(event: WorkerEvent) => void, never, RunLog | Scope.Scope> = Effect.gen(
  function* () {
    const least = yield* FiberRef.get(FiberRef.currentMinimumLogLevel)
    if (LogLevel.greaterThan(least, LogLevel.Warning)) return () => {}
    const onlyTrouble = LogLevel.greaterThan(least, LogLevel.Info)
    const clock = yield* Effect.clock
    const log = yield* RunLog
    const scope = yield* Effect.scope
    const windowMillis = Duration.toMillis(window)
    // Its entries are bounded by the lines of a window, and a count by one.
    const entries = yield* Effect.acquireRelease(
      Mailbox.make<Entry | "Counted">(),
      ({ shutdown }) => shutdown,
    )
    let begun = 0
    let plain = makeCount()
    let trouble = makeCount()

    const textOf = (run: ClaimedRun, text: string): Effect.Effect<string> => {
      if (text !== "is claimed" || run.attempt === 1) return Effect.succeed(text)
      return Effect.match(AttemptTrace.takenOver(log, run), {
        onFailure: () => `${text}: ${attemptOf(run)}`,
        onSuccess: (found) =>
          found === undefined
            ? `${text}: ${attemptOf(run)}`
            : `is taken over, since a lease of attempt ${String(found.previous["attempt"])} lapsed: ${attemptOf(run)}`,
      }).pipe(Effect.withTracerEnabled(false))
    }

    // Annotations are lines of their own in the usual logger, so the line has the ids in its text.
    const writeEntry = ({ isTrouble, run, text }: Entry) =>
      Effect.flatMap(textOf(run, text), (shown) =>
        (isTrouble && text !== "is claimed" ? Effect.logWarning : Effect.logInfo)(
          oneLine(`Run ${run.runId} of ${run.agentId} ${shown}`),
        ),
      )

    const writeCounts = Effect.suspend(() => {
      const rest = [...plain.rest, ...trouble.rest]
      plain = makeCount()
      trouble = makeCount()
      begun = clock.unsafeCurrentTimeMillis()
      const counts = rest.map(([kind, count]) => `${count} ${kind}`).join(", ")
      return rest.length === 0
        ? Effect.void
        : Effect.logInfo(`And in the last ${Duration.format(window)}, without a line each: ${counts}`)
    })

    yield* entries.take.pipe(
      Effect.flatMap((entry) =>
        entry === "Counted"
          ? Effect.forkIn(Effect.delay(writeCounts, window), scope)
          : Effect.uninterruptible(writeEntry(entry)),
      ),
      Effect.forever,
      Effect.ignore,
      Effect.forkScoped,
    )
    // A drain ends runs, and nothing waits for their lines.
    yield* Effect.addFinalizer(() =>
      entries.clear.pipe(
        Effect.flatMap(Effect.forEach((left) => (left === "Counted" ? Effect.void : writeEntry(left)))),
        Effect.zipRight(writeCounts),
        Effect.ignore,
      ),
    )

    return (event: WorkerEvent) => {
      const observed = entryOf(event)
      if (observed === undefined || (onlyTrouble && !observed.isTrouble)) return
      const now = clock.unsafeCurrentTimeMillis()
      const isCounting = plain.rest.size + trouble.rest.size > 0
      if (!isCounting && now - begun >= windowMillis) {
        begun = now
        plain = makeCount()
        trouble = makeCount()
      }
      const count = observed.isTrouble ? trouble : plain
      if (count.lines > 0) {
        count.lines -= 1
        entries.unsafeOffer(observed)
        return
      }
      if (!isCounting) entries.unsafeOffer("Counted")
      count.rest.set(observed.kind, (count.rest.get(observed.kind) ?? 0) + 1)
    }
  },
)

/** Logs that the worker waits for runs: an idle worker logs nothing else. */
export const started = (worker: RegisteredWorker, options: WorkerOptions) =>
  Effect.flatMap(OwnAgents.resolve(options), (own) => {
    const { agentIds, concurrency } = resolve(own)
    const agents = agentIds.length === 0 ? "any agent" : agentIds.join(", ")
    return Effect.logInfo(
      `Worker ${WorkerState.nameOf(worker)} waits for runs of ${agents}, ${concurrency} at once`,
    )
  })
