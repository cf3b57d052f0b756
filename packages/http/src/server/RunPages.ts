/**
 * The streams of pages that show one run each. Pages of one run share what is read for them.
 *
 * Source: docs/decisions/0097-pages-of-a-run.md
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type ControlPlaneError, type Ids, Run, RunLog, Summaries } from "@runlease/core"
import { Cause, Context, Duration, Effect, Exit, Layer, Runtime, Schema, type Scope } from "effect"
import * as LogEntry from "../Wire/LogEntry.js"
import { RunSummary } from "../Wire/RunSummary.js"
import * as EventStream from "./EventStream.js"
import type { Ports } from "./ProjectPorts.js"
import { largeWrite } from "./StreamTurns.js"

/** Pauses of many streams, which share one timer. */
interface Pauses {
  /** Calls `wake` once when a pause is over, unless the Scope closes first. `wake` must not throw. */
  readonly after: (wake: () => void) => void
}

interface Pause {
  /** By the monotonic clock, in milliseconds. */
  readonly end: number
  readonly wake: () => void
}

/** Pauses that take `length`, and a tenth more at most while the event loop is free. */
const pauses = (length: Duration.DurationInput): Effect.Effect<Pauses, never, Scope.Scope> =>
  Effect.gen(function* () {
    const millis = Duration.toMillis(length)
    const clock = yield* Effect.clock
    const now = (): number => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
    /** All are as long, so the first to begin is the first to end. */
    const pauses: Array<Pause> = []
    const some = yield* Effect.makeLatch()

    const next = Effect.gen(function* () {
      yield* some.await
      yield* Effect.sleep(millis / 10)
      const time = now()
      const current = pauses.findIndex(({ end }) => end > time)
      for (const { wake } of pauses.splice(0, current < 0 ? pauses.length : current)) wake()
      if (pauses.length === 0) yield* some.close
    })
    yield* Effect.forkScoped(Effect.forever(next))

    return {
      after: (wake) => {
        pauses.push({ end: now() + millis, wake })
        some.unsafeOpen()
      },
    }
  })

// What the open pages of one run share: its summary, and the newest batch of its log as bytes.

/** A page as its run sees it. */
interface Page {
  /** Takes what has changed. */
  readonly take: () => void

  /** Ends it where it is. */
  readonly end: () => void
}

/** A summary as pages are sent it. It has the changes of all entries up to `latestEventId`. */
interface Summary {
  readonly latestEventId: number
  readonly isTerminal: boolean
  readonly frame: Uint8Array
}

interface LiveRunOptions<E> {
  readonly first: Summary
  /** Reads the summary, and calls back once. */
  readonly read: (take: (exit: Exit.Exit<Summary, E>) => void) => void
  /** Calls back in a while: a renewal of the lease writes no entry. */
  readonly pause: (wake: () => void) => void
  /** Called when the summary cannot be read, after its pages were ended. */
  readonly onFailure: (cause: Cause.Cause<E>) => void
  /** Called when its last page has left. */
  readonly onEmpty: () => void
}

interface LiveRun {
  readonly summary: () => Summary

  /** Takes a summary that was read elsewhere. One that is older than the present one changes nothing. */
  readonly offer: (summary: Summary) => void

  /** Reads the summary again, for all pages. */
  readonly refresh: () => void

  /** The frame of successive entries of the log, of which there is one at least. */
  readonly entriesFrame: (entries: ReadonlyArray<RunLog.LogEntry>) => Uint8Array

  readonly join: (page: Page) => void

  readonly leave: (page: Page) => void
}

const encodeSummary = Schema.encodeSync(RunSummary)

const toSummary = (summary: Summaries.RunSummary): Summary => ({
  latestEventId: summary.latestEventId,
  isTerminal: Run.isTerminal(summary.status),
  frame: Buffer.from(EventStream.namedFrame("run", JSON.stringify(encodeSummary(summary)))),
})

const entriesFrame = (entries: ReadonlyArray<RunLog.LogEntry>): Uint8Array =>
  Buffer.from(
    EventStream.namedFrame("entries", JSON.stringify(entries.map(LogEntry.encode)), entries.at(-1)!.eventId),
  )

/** A run without pages. Its summary is read as long as it has any and has not ended. */
const makeLiveRun = <E>({ first, onEmpty, onFailure, pause, read }: LiveRunOptions<E>): LiveRun => {
  const pages = new Set<Page>()
  let latest = first
  let reading = false
  /** Whether the summary may have changed since it began to be read. */
  let stale = false
  let batch: { readonly first: number; readonly last: number; readonly frame: Uint8Array } | undefined

  const offer = (summary: Summary): void => {
    const isOlder = summary.latestEventId < latest.latestEventId
    if (isOlder || Buffer.compare(summary.frame, latest.frame) === 0) return
    latest = summary
    for (const page of pages) page.take()
  }

  const takeSummary = (exit: Exit.Exit<Summary, E>): void => {
    reading = false
    if (Exit.isFailure(exit)) {
      for (const page of pages) page.end()
      return onFailure(exit.cause)
    }
    offer(exit.value)
    if (stale) refresh()
  }

  const refresh = (): void => {
    stale = reading
    if (reading) return
    reading = true
    read(takeSummary)
  }

  const poll = (): void => {
    if (pages.size === 0 || latest.isTerminal) return
    refresh()
    pause(poll)
  }

  pause(poll)

  return {
    summary: () => latest,
    offer,
    refresh,
    entriesFrame: (entries) => {
      // A page alone stores nothing for others.
      if (pages.size === 1) return entriesFrame(entries)
      const [begin, end] = [entries[0]!.eventId, entries.at(-1)!.eventId]
      if (batch?.first !== begin || batch.last !== end) {
        batch = { first: begin, last: end, frame: entriesFrame(entries) }
      }
      return batch.frame
    },
    join: (page) => {
      pages.add(page)
      page.take()
    },
    leave: (page) => {
      if (pages.delete(page) && pages.size === 0) onEmpty()
    },
  }
}

type Failure = Run.RunNotFound | ControlPlaneError.ControlPlaneError

/** `after`: entries up to here are not sent. */
interface PageOptions {
  readonly run: LiveRun
  readonly reader: RunLog.LogReader
  readonly stream: EventStream.EventStream
  readonly after: number
  /** Calls back when the next batch may be sent. */
  readonly pause: (wake: () => void) => void
  /** Called when the log cannot be read, after the stream was ended. */
  readonly onFailure: (cause: Cause.Cause<Failure>) => void
}

/**
 * A page that shows one run: its summary as it changes, and the entries of its log in batches.
 *
 * It has a position and stores nothing. What its client has not read stays in the tail of the log, which all readers of the log
 * share, so its next batch has it.
 */
interface JoinedPage {
  /** Takes what it can, since the client takes more. */
  readonly take: () => void

  /** Leaves the run. */
  readonly leave: () => void
}

const endFrame = new TextEncoder().encode(EventStream.namedFrame("end", "{}"))

/** The control plane writes an entry for each change of the run's state. */
const isChange = ({ sequence }: RunLog.LogEntry): boolean => sequence === null

/** Has a stream show a run. */
export const join = ({ onFailure, pause, reader, run, after, stream }: PageOptions): JoinedPage => {
  /** The log as it was when the page was opened comes as fast as the client takes it. */
  const opened = run.summary().latestEventId
  let position = after
  let sentSummary: Uint8Array | undefined
  let logEnded = false
  let isReading = false
  let isPaused = false
  let inTurn = false
  let isTaking = false
  let hasLeft = false
  let stopReading = (): void => {}
  let unshown: RunLog.LogEntries | undefined

  const takesFrames = (): boolean => stream.isReady() && !inTurn && !hasLeft

  const fail = (cause: Cause.Cause<Failure>): void => {
    stream.end()
    onFailure(cause)
  }

  const startPause = (): void => {
    isPaused = true
    pause(() => {
      isPaused = false
      take()
    })
  }

  /** Takes note of entries that the client has, perhaps none. */
  const pass = ({ ended, entries }: RunLog.LogEntries): void => {
    position = entries.at(-1)?.eventId ?? position
    logEnded = ended
    const changed = entries.findLast(isChange)?.eventId ?? 0
    const { isTerminal, latestEventId } = run.summary()
    if (changed > latestEventId || (ended && !isTerminal)) run.refresh()
    if (entries.length > 0 && position >= opened && !isTerminal) startPause()
  }

  const write = (frame: Uint8Array, read: RunLog.LogEntries): void => {
    stream.write(frame)
    pass(read)
  }

  const show = (read: RunLog.LogEntries): void => {
    if (read.entries.length === 0) return pass(read)
    const frame = run.entriesFrame(read.entries)
    if (frame.length < largeWrite) return write(frame, read)
    inTurn = true
    stream.takeTurn(() => {
      inTurn = false
      if (takesFrames()) write(frame, read)
      take()
    })
  }

  const takeEntries = (exit: Exit.Exit<RunLog.LogEntries, Failure>): void => {
    isReading = false
    if (Exit.isFailure(exit)) return fail(exit.cause)
    // A client that takes no more now gets what it has read when it does, by another reading.
    if (takesFrames()) unshown = exit.value
    take()
  }

  /** One step; false when there is none until the client, the log, the summary or the timer has one. */
  const step = (): boolean => {
    if (!takesFrames()) return false
    if (unshown !== undefined) {
      const read = unshown
      unshown = undefined
      show(read)
      return true
    }
    const { frame, isTerminal } = run.summary()
    if (frame !== sentSummary) {
      stream.write(frame)
      sentSummary = frame
      return true
    }
    if (logEnded) {
      // The last summary comes before the end.
      if (isTerminal) {
        stream.write(endFrame)
        stream.end()
      }
      return false
    }
    if (isReading || isPaused) return false
    isReading = true
    stopReading = reader.next(Run.EventId.make(position, { disableValidation: true }), takeEntries)
    return !isReading
  }

  const take = (): void => {
    // What is read at once is sent within the step that reads it.
    if (isTaking) return
    isTaking = true
    try {
      while (step());
    } catch (defect) {
      fail(Cause.die(defect))
    } finally {
      isTaking = false
    }
  }

  const page: Page = { take, end: stream.end }
  run.join(page)
  return {
    take,
    leave: () => {
      hasLeft = true
      stopReading()
      run.leave(page)
    },
  }
}

type Port = Context.Tag.Service<Summaries.Summaries>

export class RunPages extends Context.Tag("@runlease/http/server/RunPages")<
  RunPages,
  {
    /** Has a stream show a run, until it leaves. `first` is a summary that was just read. */
    readonly join: (
      summaries: Port,
      first: Summaries.RunSummary,
      page: Pick<PageOptions, "reader" | "after" | "stream">,
    ) => JoinedPage
  }
>() {}

/** Between two batches of entries that come in while a page is open. */
const batchInterval = "250 millis"

/** Between two looks at a summary. */
const summaryInterval = "10 seconds"

export const layer: Layer.Layer<RunPages> = Layer.scoped(
  RunPages,
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const runFork = Runtime.runFork(yield* Effect.runtime<never>())
    const { after: pauseBatches } = yield* pauses(batchInterval)
    const { after: pauseLooks } = yield* pauses(summaryInterval)

    const onFailure = (cause: Cause.Cause<Failure>): void => {
      if (!Cause.isInterruptedOnly(cause)) {
        runFork(Effect.logWarning("An event stream ended early", cause), { scope })
      }
    }

    /** The runs that have open pages, by project. */
    const liveRuns = new WeakMap<Port, Map<Ids.RunId, LiveRun>>()

    const liveRun = (summaries: Port, summary: Summaries.RunSummary): LiveRun => {
      const { runId } = summary
      const first = toSummary(summary)
      const runs = liveRuns.get(summaries) ?? new Map<Ids.RunId, LiveRun>()
      liveRuns.set(summaries, runs)
      const found = runs.get(runId)
      if (found !== undefined) {
        found.offer(first)
        return found
      }
      const readSummary = Effect.map(summaries.run(runId), toSummary)
      const run = makeLiveRun<Failure>({
        first,
        read: (take) => void runFork(readSummary, { scope }).addObserver(take),
        pause: pauseLooks,
        onFailure,
        onEmpty: () => runs.delete(runId),
      })
      runs.set(runId, run)
      return run
    }

    return {
      join: (summaries, first, page) =>
        join({
          ...page,
          run: liveRun(summaries, first),
          pause: pauseBatches,
          onFailure,
        }),
    }
  }),
)

/** Answers with a page, after event `after` of the log. The first summary is read before the stream begins. */
export const respond = (
  ports: Ports,
  runId: Ids.RunId,
  after = 0,
): Effect.Effect<HttpServerResponse.HttpServerResponse, Failure, EventStream.Services | RunPages> =>
  Effect.gen(function* () {
    const pages = yield* RunPages
    const summaries = Context.get(ports, Summaries.Summaries)
    const first = yield* summaries.run(runId)
    const reader = yield* Context.get(ports, RunLog.RunLog).reader({ runId })
    let page: JoinedPage | undefined
    const { response, stream } = yield* EventStream.open(() => page?.take())
    page = yield* Effect.acquireRelease(
      Effect.sync(() => pages.join(summaries, first, { reader, after, stream })),
      ({ leave }) => Effect.sync(leave),
    )
    return response
  })
