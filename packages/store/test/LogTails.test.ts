import { assert, describe, expect, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import * as Ids from "@runlease/core/Ids"
import { EventId, Sequence } from "@runlease/core/Run"
import type { LogEntries, LogEntry } from "@runlease/core/RunLog"
import {
  Chunk,
  DateTime,
  Effect,
  Exit,
  FastCheck,
  Fiber,
  Queue,
  Scope,
  Stream,
  TestClock,
  TestContext,
} from "effect"
import * as LogTails from "../src/log/LogTails.js"
import * as Wakeups from "../src/commit/Wakeups.js"

const ref = {
  projectId: Ids.ProjectId.make("3f2a2c66-5b9c-4d51-9b0a-6f0f8f5d9a10"),
  runId: Ids.RunId.make("run"),
}

const entryOf = (id: number, type: string): LogEntry => ({
  eventId: EventId.make(id),
  sequence: type === "RUN_FINISHED" ? null : Sequence.make(id),
  event: { type },
  createdAt: DateTime.unsafeMake(0),
})

/** A log that counts its reads, returns `pageSize` entries a read, and announces its growth when the test does. */
const makeLog = Effect.gen(function* () {
  const wakeups = yield* Wakeups.make
  const entries: Array<LogEntry> = []
  const state = { reads: 0, pageSize: 1000, broken: false, grew: 0 }
  const ended = () => entries.at(-1)?.event.type === "RUN_FINISHED"
  const scope = yield* Scope.make()
  const tails = yield* LogTails.make({
    wakeups,
    read: (_, after) =>
      Effect.suspend(() => {
        state.reads += 1
        if (state.broken) return new ControlPlaneUnavailable({ operation: "read", message: "broken" })
        const page = entries.slice(after, after + state.pageSize)
        const answer = {
          entries: page,
          bytes: page.length,
          // A store may read how the run stands, and the entries a moment later, when there are `grew` more.
          latest: EventId.make(entries.length - state.grew),
          ended: state.grew === 0 && ended(),
        }
        // Other fibers run while the response is in flight.
        return Effect.as(Effect.repeatN(Effect.yieldNow(), 3), answer)
      }),
  }).pipe(Scope.extend(scope))

  /** Adds entries and returns the growth that a commit would announce. */
  const add = (count: number, type = "CUSTOM", bytes = 10): Wakeups.LogGrowth => {
    const added = Array.from({ length: count }, (_, index) => entryOf(entries.length + index + 1, type))
    entries.push(...added)
    return {
      log: Wakeups.logKey(ref),
      latest: EventId.make(entries.length),
      piece: () => ({ entries: added, bytes: bytes * count }),
    }
  }

  const tell = (...growths: ReadonlyArray<Wakeups.LogGrowth>) => wakeups.logsGrew(growths)

  const follow = (after = 0) =>
    Effect.gen(function* () {
      const seen = yield* Queue.unbounded<number>()
      const fiber = yield* tails.follow(ref, EventId.make(after)).pipe(
        Stream.runForEach(({ eventId }) => Queue.offer(seen, eventId)),
        Effect.forkScoped,
      )
      yield* settle
      return {
        fiber,
        next: (count: number) => Effect.map(Queue.takeN(seen, count), Chunk.toReadonlyArray),
        seen: Effect.map(Queue.takeAll(seen), Chunk.toReadonlyArray),
      }
    })

  return { state, entries, tails, scope, add, tell, follow, all: wakeups.all }
})

/** Lets every fiber reach its wait; fibers here wait only for other fibers and the clock. */
const settle = Effect.repeatN(Effect.yieldNow(), 50)

const idsOf = ({ entries }: LogEntries) => entries.map(({ eventId }) => eventId)

const keysOnly = ({ log }: Wakeups.LogGrowth): Wakeups.LogGrowth => ({ log })

const upTo = (last: number, after = 0) =>
  Array.from({ length: last - after }, (_, index) => after + index + 1)

describe("LogTails", () => {
  it.scoped("end with the entry that ends the log, also where its page was read as the log ended", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      log.add(2)
      log.add(1, "RUN_FINISHED")
      log.state.grew = 1
      const { fiber, seen } = yield* log.follow()
      strictEqual((yield* Fiber.poll(fiber))._tag, "Some")
      deepStrictEqual(yield* seen, [1, 2, 3])
    }),
  )

  it.scoped("reads existing entries once for all followers, and announced entries not at all", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      log.add(3)
      const followers = yield* Effect.all(Array.from({ length: 100 }, () => log.follow()))
      yield* log.tell(log.add(1))
      yield* log.tell(log.add(2))
      yield* log.tell(log.add(1, "RUN_FINISHED"))
      for (const { fiber, seen } of followers) {
        yield* Fiber.join(fiber)
        deepStrictEqual(yield* seen, upTo(7))
      }
      strictEqual(log.state.reads, 1)
    }),
  )

  it.scoped("reads the entries of another server once for all followers", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      const followers = yield* Effect.all(Array.from({ length: 100 }, () => log.follow()))
      strictEqual(log.state.reads, 1)
      yield* log.tell(keysOnly(log.add(2)))
      for (const { next } of followers) deepStrictEqual(yield* next(2), [1, 2])
      strictEqual(log.state.reads, 2)
    }),
  )

  it.scoped("polls when a wake-up is lost, and only when no entry arrives", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      const { next } = yield* log.follow()
      log.add(1)
      yield* TestClock.adjust("1 second")
      deepStrictEqual(yield* next(1), [1])
      strictEqual(log.state.reads, 2)
      yield* log.tell(log.add(1))
      yield* TestClock.adjust("1 second")
      deepStrictEqual(yield* next(1), [2])
      strictEqual(log.state.reads, 2)
      log.add(1)
      yield* TestClock.adjust("1 second")
      deepStrictEqual(yield* next(1), [3])
    }),
  )

  it.scoped("ignores repeated growth, and fills a gap by reading", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      const { next, seen } = yield* log.follow()
      const [first, second, third] = [log.add(1), log.add(1), log.add(1)]
      yield* log.tell(second)
      deepStrictEqual(yield* next(3), [1, 2, 3])
      strictEqual(log.state.reads, 2)
      yield* log.tell(first, third, second, third)
      yield* settle
      deepStrictEqual(yield* seen, [])
      strictEqual(log.state.reads, 2)
    }),
  )

  it.scoped("lets a follower far behind read by itself until it reaches the others", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      log.state.pageSize = 10
      log.add(35)
      const live = yield* log.follow(35)
      const reads = log.state.reads
      const late = yield* log.follow()
      deepStrictEqual(yield* late.next(35), upTo(35))
      strictEqual(log.state.reads - reads, 4)
      yield* log.tell(log.add(1))
      deepStrictEqual(yield* late.next(1), [36])
      deepStrictEqual(yield* live.next(1), [36])
      strictEqual(log.state.reads - reads, 4)
    }),
  )

  it.scoped("buffers little for a slow follower, which delays no other and misses nothing", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      const quick = yield* log.follow()
      const gate = yield* Effect.makeLatch()
      const slow: Array<number> = []
      const fiber = yield* log.tails.follow(ref, EventId.make(0)).pipe(
        Stream.runForEach(({ eventId }) =>
          Effect.zipRight(
            gate.await,
            Effect.sync(() => slow.push(eventId)),
          ),
        ),
        Effect.forkScoped,
      )
      yield* settle
      for (let n = 1; n <= 20; n++) {
        yield* log.tell(log.add(1, "CUSTOM", 100_000))
        deepStrictEqual(yield* quick.next(1), [n])
      }
      strictEqual(log.state.reads, 1)
      yield* log.tell(log.add(1, "RUN_FINISHED"))
      yield* gate.open
      yield* Fiber.join(fiber)
      deepStrictEqual(slow, upTo(21))
      assertTrue(log.state.reads > 1)
    }),
  )

  it.scoped("fails all followers when the store fails, and starts again with the next follower", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      const first = yield* log.follow()
      const second = yield* log.follow()
      log.state.broken = true
      yield* log.tell(keysOnly(log.add(1)))
      for (const { fiber } of [first, second]) {
        const failure = yield* Effect.flip(Fiber.join(fiber))
        strictEqual(failure.message, "broken")
      }
      log.state.broken = false
      const again = yield* log.follow()
      deepStrictEqual(yield* again.next(1), [1])
    }),
  )

  it.scoped(
    "a follower that starts after the end of the log gets later entries and does not affect others",
    () =>
      Effect.gen(function* () {
        const log = yield* makeLog
        log.add(2)
        const ahead = yield* log.follow(4)
        const usual = yield* log.follow()
        deepStrictEqual(yield* usual.next(2), [1, 2])
        yield* log.tell(log.add(3))
        deepStrictEqual(yield* usual.next(3), [3, 4, 5])
        deepStrictEqual(yield* ahead.next(1), [5])
      }),
  )

  it.scoped("reads when any wake-up may have been missed", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      const { next } = yield* log.follow()
      log.add(1)
      yield* log.all
      deepStrictEqual(yield* next(1), [1])
    }),
  )

  it.scoped("ends with its last follower, and with the control plane", () =>
    Effect.gen(function* () {
      const log = yield* makeLog
      const first = yield* log.follow()
      yield* Fiber.interrupt(first.fiber)
      let made = 0
      const growth = log.add(1)
      yield* log.tell({ ...growth, piece: () => (made++, growth.piece!()) })
      strictEqual(made, 0)
      const second = yield* log.follow(1)
      yield* Scope.close(log.scope, Exit.void)
      for (const fiber of [second.fiber, (yield* log.follow()).fiber]) {
        const failure = yield* Effect.flip(Fiber.join(fiber))
        assert.deepInclude(failure, { _tag: "ControlPlaneUnavailable", retryable: false })
      }
    }),
  )

  it.scoped(
    "gives a reader the entries in the turn that announces them, once, until its wait is stopped",
    () =>
      Effect.gen(function* () {
        const log = yield* makeLog
        const reader = yield* log.tails.reader(ref)
        const taken: Array<ReadonlyArray<number>> = []
        const next = (after: number) =>
          reader.next(EventId.make(after), (exit) =>
            taken.push(Exit.match(exit, { onFailure: () => [], onSuccess: idsOf })),
          )
        next(0)
        yield* settle
        yield* log.tell(log.add(2))
        deepStrictEqual(taken, [[1, 2]])
        yield* log.tell(log.add(1))
        deepStrictEqual(taken, [[1, 2]])
        next(2)
        deepStrictEqual(taken, [[1, 2], [3]])
        const stop = next(3)
        stop()
        yield* log.tell(log.add(1))
        deepStrictEqual(taken, [[1, 2], [3]])
        next(3)
        deepStrictEqual(taken, [[1, 2], [3], [4]])
      }),
  )

  it("drops no entry, repeats none and preserves the order, for any growth and any announcements", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.array(
          FastCheck.oneof(
            FastCheck.record({ follow: FastCheck.nat({ max: 20 }) }),
            FastCheck.record({ yields: FastCheck.integer({ min: 1, max: 40 }) }),
            FastCheck.record({
              add: FastCheck.integer({ min: 1, max: 7 }),
              announced: FastCheck.constantFrom("piece", "key", "late", "twice", "never"),
              bytes: FastCheck.constantFrom(10, 100_000),
            }),
          ),
          { maxLength: 40 },
        ),
        FastCheck.constantFrom(2, 5, 1000),
        (steps, pageSize) =>
          Effect.gen(function* () {
            const log = yield* makeLog
            log.state.pageSize = pageSize
            const followers: Array<{
              readonly after: number
              readonly seen: ReadonlyArray<number>
              readonly fiber: Fiber.Fiber<void, unknown>
            }> = []
            const late: Array<Wakeups.LogGrowth> = []
            for (const step of steps) {
              if ("yields" in step) {
                yield* Effect.repeatN(Effect.yieldNow(), step.yields)
                continue
              }
              if ("follow" in step) {
                const after = Math.min(step.follow, log.entries.length)
                const seen: Array<number> = []
                const fiber = yield* log.tails.follow(ref, EventId.make(after)).pipe(
                  Stream.runForEach(({ eventId }) => Effect.sync(() => seen.push(eventId))),
                  Effect.forkScoped,
                )
                followers.push({ after, seen, fiber })
                continue
              }
              const growth = log.add(step.add, "CUSTOM", step.bytes)
              if (step.announced === "piece") yield* log.tell(growth)
              if (step.announced === "key") yield* log.tell(keysOnly(growth))
              if (step.announced === "twice") yield* log.tell(growth, growth)
              if (step.announced === "late") late.push(growth)
              else yield* log.tell(...late.splice(0).toReversed())
            }
            yield* log.tell(log.add(1, "RUN_FINISHED"))
            yield* TestClock.adjust("3 seconds")
            for (const { after, fiber, seen } of followers) {
              yield* Fiber.join(fiber)
              expect(seen).toEqual(upTo(log.entries.length, after))
            }
          }).pipe(Effect.scoped, Effect.provide(TestContext.TestContext), Effect.runPromise),
      ),
      { numRuns: 100 },
    )
  })
})
