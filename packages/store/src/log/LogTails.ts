/**
 * The tails of followed logs, which are read from the store once for all of their followers.
 *
 * A tail exists while its log has followers. A wake-up carries the new entries if it can, and the tail reads the others
 * from the store. Every follower has its own position and pace, so no follower delays another and nothing is stored for
 * it. A follower that is further back than the tail reaches reads its own pages until it catches up.
 */
import * as ControlEvents from "@runlease/core/ControlEvents"
import { closed, type ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import { EventId } from "@runlease/core/Run"
import { followWith, type LogEntries, type LogEntry, type LogReader } from "@runlease/core/RunLog"
import { Data, Duration, Effect, Exit, type Fiber, RcMap, Runtime, type Scope, type Stream } from "effect"
import { type LogGrowth, logKey, slowPoll, type Wakeups } from "../commit/Wakeups.js"
import type { RunRef } from "../rows/RunRows.js"
import type { LogPage, LogPiece } from "../rows/RunStore.js"

/** The size of a window. It drops its oldest pieces to stay below, but never the newest one, whatever its size. */
const maxBytes = 256 * 1024

/** The rough size of an entry in memory besides its JSON. */
const entryBytes = 256

/** The last entries of a log, as many as fit, which its followers share. */
interface LogWindow {
  /** The id of the last entry. */
  readonly last: () => number

  /** All entries after `position`; undefined when the window does not reach back so far, or not yet so far. */
  readonly after: (position: number) => ReadonlyArray<LogEntry> | undefined

  /**
   * Adds the new entries of a piece, whose first entry follows `position` in the log. False when it has no new entries,
   * or when the window lacks entries before `position`.
   */
  readonly add: (position: number, piece: LogPiece) => boolean
}

interface WindowPiece extends LogPiece {
  /** The position that its first entry follows. */
  readonly start: number
}

const sizeOf = ({ bytes, entries }: LogPiece): number => bytes + entries.length * entryBytes

const entriesAfter = ({ entries, start }: WindowPiece, position: number): ReadonlyArray<LogEntry> =>
  start === position ? entries : entries.filter(({ eventId }) => eventId > position)

/** An empty window whose first entry will be the one that follows `start`. */
const makeWindow = (start: number): LogWindow => {
  const pieces: Array<WindowPiece> = []
  let first = start
  let last = start
  let size = 0

  return {
    last: () => last,

    after: (position) => {
      if (position < first || position > last) return undefined
      if (position === last) return []
      const index = pieces.findLastIndex((piece) => piece.start <= position)
      const entries = entriesAfter(pieces[index]!, position)
      return index === pieces.length - 1
        ? entries
        : entries.concat(...pieces.slice(index + 1).map((piece) => piece.entries))
    },

    add: (position, { bytes, entries }) => {
      if (position > last) return false
      const added: WindowPiece = {
        start: last,
        entries: entriesAfter({ start: position, entries, bytes }, last),
        bytes,
      }
      const end = added.entries.at(-1)
      if (end === undefined) return false
      pieces.push(added)
      last = end.eventId
      size += sizeOf(added)
      while (size > maxBytes && pieces.length > 1) {
        size -= sizeOf(pieces.shift()!)
        first = pieces[0]!.start
      }
      return true
    },
  }
}

/** `read` returns the oldest entries after a position. */
export interface Options<E> {
  readonly wakeups: Wakeups
  readonly read: (ref: RunRef, after: EventId) => Effect.Effect<LogPage, E | ControlPlaneUnavailable>
}

export interface LogTails<E> {
  /** A reader of the tail, until the Scope closes. */
  readonly reader: (
    ref: RunRef,
  ) => Effect.Effect<LogReader<E | ControlPlaneUnavailable>, ControlPlaneUnavailable, Scope.Scope>

  /** Every entry after `after`, including later ones, until the log has ended. */
  readonly follow: (ref: RunRef, after: EventId) => Stream.Stream<LogEntry, E | ControlPlaneUnavailable>
}

/** The number of pages that a tail stores for followers that are further back. */
const maxPages = 4

/** All tails share one timer. Each polls at another of its turns than most, so that they do not read all at once. */
const pollTurns = 8

const pollTurn = Duration.millis(Duration.toMillis(slowPoll) / pollTurns)

/** Looks at its log without a wake-up. */
type Poll = () => void

interface Polls {
  /** Calls `poll` every `slowPoll` until the Scope closes. */
  readonly add: (poll: Poll) => Effect.Effect<void, never, Scope.Scope>
}

const makePolls: Effect.Effect<Polls, never, Scope.Scope> = Effect.gen(function* () {
  const turns: ReadonlyArray<Set<Poll>> = Array.from({ length: pollTurns }, () => new Set())
  const some = yield* Effect.makeLatch()
  let turn = 0

  const next = Effect.gen(function* () {
    yield* some.await
    yield* Effect.sleep(pollTurn)
    if (turns.every(({ size }) => size === 0)) return yield* some.close
    turn = (turn + 1) % pollTurns
    for (const poll of Array.from(turns[turn]!)) poll()
  })
  yield* Effect.forkScoped(Effect.forever(next))

  return {
    add: (poll) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          // The turn that is over comes again after all others.
          const place = turns[turn]!.add(poll)
          some.unsafeOpen()
          return place
        }),
        (place) => Effect.sync(() => place.delete(poll)),
      ),
  }
})

type Take<E> = (exit: Exit.Exit<LogEntries, E>) => void

const stopNothing = (): void => {}

const endOf = ({ entries }: LogPiece, otherwise: number): number => entries.at(-1)?.eventId ?? otherwise

/** Whether these are the last entries of a log. A page may have them that was read a moment after how the run stood. */
const hasEnd = ({ entries }: LogPiece): boolean => {
  const last = entries.at(-1)
  return last !== undefined && ControlEvents.endsLog(last)
}

const makeTail = <E>(
  { read, wakeups }: Options<E>,
  polls: Polls,
  ref: RunRef,
): Effect.Effect<LogReader<E | ControlPlaneUnavailable>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const runFork = Runtime.runFork(yield* Effect.runtime<never>())
    /** Undefined until the first read, which begins at `start`. */
    let window: LogWindow | undefined
    let start = 0
    /** The last event of the log that the tail has read; infinite where the log may have grown since. */
    let latest = Number.POSITIVE_INFINITY
    let ended = false
    /** Whether a wake-up has carried entries since the last slow poll, which shows that none was lost before. */
    let wokenWithEntries = false
    let isClosed = false
    let reading = false
    let wanted = false
    /** Followers that have all entries of the window. */
    const waiting = new Set<(exit: Exit.Exit<void, E | ControlPlaneUnavailable>) => void>()

    const last = (): number => window?.last() ?? -1

    const wakeFollowers = (exit: Exit.Exit<void, E | ControlPlaneUnavailable>): void => {
      const woken = [...waiting]
      waiting.clear()
      for (const wake of woken) wake(exit)
    }

    const isWanted = (): boolean => latest > last() && waiting.size > 0

    /** Reads on if a follower waits for entries that are not here. */
    const want = (): void => {
      if (isClosed || !isWanted()) return
      wanted = true
      if (reading) return
      reading = true
      // A turn later, so that wake-ups that come together share one read.
      runFork(readAll, { scope, immediate: false })
    }

    const onGrowth = (growth: LogGrowth): void => {
      latest = Math.max(latest, growth.latest ?? Number.POSITIVE_INFINITY)
      if (window === undefined || latest <= last()) return
      const piece = growth.piece?.()
      const begins = piece?.entries[0]
      if (piece !== undefined && begins !== undefined && window.add(begins.eventId - 1, piece)) {
        wokenWithEntries = true
        ended = hasEnd(piece)
        wakeFollowers(Exit.void)
      }
      want()
    }

    const readOn = Effect.suspend(() => {
      const after = EventId.make(window?.last() ?? start)
      latest = -1
      return Effect.matchCause(read(ref, after), {
        onFailure: (cause) => {
          latest = Number.POSITIVE_INFINITY
          wakeFollowers(Exit.failCause(cause))
        },
        onSuccess: (page) => {
          const before = { last: last(), ended }
          latest = Math.max(latest, page.latest)
          // It begins at most one page before the end; followers further back read by themselves.
          window ??= makeWindow(endOf(page, after) < page.latest ? page.latest : Math.min(after, page.latest))
          window.add(after, page)
          ended = hasEnd(page) || (page.ended && (page.latest <= last() || page.entries.length === 0))
          if (last() > before.last || ended !== before.ended) wakeFollowers(Exit.void)
        },
      })
    })

    const readAll = Effect.whileLoop({
      while: () => {
        reading = wanted && isWanted()
        wanted = false
        return reading
      },
      body: () => readOn,
      step: () => {},
    })

    const poll = (): void => {
      if (!wokenWithEntries) latest = Number.POSITIVE_INFINITY
      wokenWithEntries = false
      want()
    }

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isClosed = true
        wakeFollowers(Exit.fail(closed("RunLog.follow")))
      }),
    )
    yield* wakeups.logListener(logKey(ref), onGrowth)
    yield* polls.add(poll)

    /** The latest pages that followers further back have read: followers that read a log side by side read it once. */
    const pages = new Map<number, Fiber.RuntimeFiber<LogPage, E | ControlPlaneUnavailable>>()

    const pageAt = (position: EventId): Fiber.RuntimeFiber<LogPage, E | ControlPlaneUnavailable> => {
      const reading = pages.get(position)
      if (reading !== undefined) return reading
      // In the tail's Scope, since other followers may still use the page when this one leaves.
      const started = runFork(read(ref, position), { scope })
      pages.set(position, started)
      if (pages.size > maxPages) pages.delete(pages.keys().next().value!)
      started.addObserver((exit) => {
        const isUsable = Exit.isSuccess(exit) && exit.value.entries.length > 0
        if (!isUsable && pages.get(position) === started) pages.delete(position)
      })
      return started
    }

    const readBack = (position: EventId, take: Take<E | ControlPlaneUnavailable>): (() => void) => {
      const reading = pageAt(position)
      const observe = (exit: Exit.Exit<LogPage, E | ControlPlaneUnavailable>): void =>
        take(
          Exit.map(exit, (page) => ({
            entries: page.entries,
            ended:
              hasEnd(page) ||
              (page.ended && (page.entries.length === 0 || endOf(page, position) >= page.latest)),
          })),
        )
      reading.addObserver(observe)
      return () => reading.removeObserver(observe)
    }

    const next = (position: EventId, take: Take<E | ControlPlaneUnavailable>): (() => void) => {
      const give = (entries: ReadonlyArray<LogEntry>, isEnd: boolean): (() => void) => {
        take(Exit.succeed({ entries, ended: isEnd }))
        return stopNothing
      }
      const entries = window?.after(position)
      if (entries !== undefined && entries.length > 0) {
        return give(entries, ended && entries.at(-1)!.eventId === last())
      }
      if (ended && position >= last()) return give([], true)
      if (isClosed) {
        take(Exit.fail(closed("RunLog.follow")))
        return stopNothing
      }
      if (window !== undefined && position < window.last()) return readBack(position, take)
      if (window === undefined && waiting.size === 0) start = position
      if (position > last()) latest = Number.POSITIVE_INFINITY
      let stop = (): void => void waiting.delete(wake)
      const wake = (exit: Exit.Exit<void, E | ControlPlaneUnavailable>): void => {
        if (Exit.isFailure(exit)) take(Exit.failCause(exit.cause))
        else stop = next(position, take)
      }
      waiting.add(wake)
      want()
      return () => stop()
    }

    return { next }
  })

/** Makes the tails of all followed logs, until the Scope closes. */
export const make = <E>(options: Options<E>): Effect.Effect<LogTails<E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const polls = yield* makePolls
    const tails = yield* RcMap.make({ lookup: (ref: RunRef) => makeTail(options, polls, ref) })
    let open = true
    yield* Effect.addFinalizer(() => Effect.sync(() => void (open = false)))

    const reader: LogTails<E>["reader"] = ({ projectId, runId }) =>
      Effect.suspend(() =>
        open ? RcMap.get(tails, Data.struct({ projectId, runId })) : closed("RunLog.follow"),
      )

    return { reader, follow: (ref, after) => followWith(reader(ref), after) }
  })
