import { describe, expect, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  AgentEvent,
  ControlPlane,
  ControlPlaneUnavailable,
  Leases,
  type Run,
  RunLog,
  Summaries,
} from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Array, DateTime, Effect, FastCheck, Layer, Schema, Stream, TestClock, TestContext } from "effect"
import * as RunPages from "../src/server/RunPages.js"
import * as LogEntry from "../src/Wire/LogEntry.js"
import { makeClient, turns, until } from "./clients.js"
import { parse } from "./pages.js"

const layer = Layer.merge(
  Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer),
  RunPages.layer,
)

const framesOf = (text: string) => text.split("\n\n").slice(0, -1).map(parse)

const namesOf = (text: string) => framesOf(text).map(({ name }) => name)

/** Opens a page whose client takes nothing yet. */
const open = (run: Pick<Run.Run, "runId">, after = 0) =>
  Effect.gen(function* () {
    const pages = yield* RunPages.RunPages
    const log = yield* RunLog.RunLog
    const summaries = yield* Summaries.Summaries
    const reader = yield* log.reader({ runId: run.runId })
    const made = makeClient(after)
    const first = yield* summaries.run(run.runId)
    Object.assign(made.client, pages.join(summaries, first, { reader, after, stream: made.stream }))
    return made
  })

/** Moves time on until `look` says so. */
const inTime = (look: () => boolean) =>
  Effect.raceFirst(until(look), Effect.forever(Effect.zipRight(turns(1), TestClock.adjust("50 millis"))))

describe("the entries of a page", () => {
  it("are what their schema encodes", () => {
    const encode = Schema.encodeSync(LogEntry.LogEntry)
    FastCheck.assert(
      FastCheck.property(
        FastCheck.nat(),
        FastCheck.option(FastCheck.nat()),
        FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue()),
        FastCheck.date({ noInvalidDate: true, min: new Date("1970-01-01"), max: new Date("9999-12-31") }),
        (id, sequence, fields, at) => {
          const entry = {
            eventId: id,
            sequence,
            event: { ...fields, type: "CUSTOM" },
            createdAt: DateTime.unsafeMake(at),
          } as RunLog.LogEntry
          expect(LogEntry.encode(entry)).toEqual(encode(entry))
        },
      ),
    )
  })
})

describe("the pages of one run", () => {
  it("give each client each entry once and in order, then the last summary and an end, at whatever pace it takes them", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.array(
          FastCheck.oneof(
            { weight: 3, arbitrary: FastCheck.record({ join: FastCheck.nat({ max: 30 }) }) },
            {
              weight: 4,
              arbitrary: FastCheck.record({
                page: FastCheck.nat(),
                takes: FastCheck.constantFrom(1, 2, 3, 1_000_000),
              }),
            },
            { weight: 2, arbitrary: FastCheck.record({ leaves: FastCheck.nat() }) },
            { weight: 2, arbitrary: FastCheck.record({ turns: FastCheck.integer({ min: 1, max: 5 }) }) },
            { weight: 3, arbitrary: FastCheck.record({ millis: FastCheck.constantFrom(20, 50, 300) }) },
            { weight: 2, arbitrary: FastCheck.record({ handsBack: FastCheck.constant(true) }) },
            {
              weight: 4,
              arbitrary: FastCheck.record({
                add: FastCheck.integer({ min: 1, max: 5 }),
                bytes: FastCheck.constantFrom(10, 1000, 40_000, 100_000),
              }),
            },
            // Time of the TestClock is slow.
            { weight: 1, arbitrary: FastCheck.record({ renews: FastCheck.constant(true) }) },
          ),
          { minLength: 10, maxLength: 30 },
        ),
        (steps) =>
          Effect.gen(function* () {
            const log = yield* RunLog.RunLog
            const leases = yield* Leases.Leases
            const worker = yield* TestRuns.register()
            let run = yield* TestRuns.hold(worker)
            const pages: Array<Effect.Effect.Success<ReturnType<typeof open>>> = []
            for (const step of steps) {
              if ("join" in step) pages.push(yield* open(run, step.join))
              else if ("turns" in step) yield* turns(step.turns)
              else if ("millis" in step) yield* TestClock.adjust(step.millis)
              else if ("leaves" in step) {
                const left = pages[step.leaves % pages.length]
                if (left === undefined || left.client.left) continue
                left.client.left = true
                left.client.leave()
              } else if ("takes" in step) pages[step.page % pages.length]?.takes(step.takes)
              else if ("renews" in step) {
                yield* TestClock.adjust("11 seconds")
                const { workerId, ...lease } = TestRuns.leaseOf(run)
                yield* leases.renew({ workerId, leases: [lease], leaseDuration: TestRuns.leaseDuration })
              } else if ("handsBack" in step) {
                yield* leases.release(TestRuns.leaseOf(run))
                run = yield* TestRuns.claimOne(worker)
              } else {
                yield* TestRuns.append(
                  run,
                  Array.makeBy(step.add, (index) =>
                    AgentEvent.textContent(`m${index}`, "x".repeat(step.bytes)),
                  ),
                )
              }
            }
            yield* TestRuns.complete(run)
            for (const { takes } of pages) takes(1_000_000)
            const staying = pages.filter(({ client }) => !client.left)
            yield* inTime(() => staying.every(({ client }) => client.ended))
            const entries = Array.fromIterable(yield* Stream.runCollect(log.follow({ runId: run.runId })))
            const whole = entries.map((entry) => LogEntry.encode(entry))
            for (const { client } of pages) {
              const frames = framesOf(client.text)
              if (frames.length > 0) strictEqual(frames[0]!.name, "run")
              const batches = frames.filter(({ name }) => name === "entries")
              const got = batches.flatMap(({ data }) => data)
              const due = whole.filter(({ event_id }) => event_id > client.seen)
              // A difference would be too long to print.
              expect(
                JSON.stringify(got) === JSON.stringify(client.left ? due.slice(0, got.length) : due),
              ).toBe(true)
              for (const { data, id } of batches) strictEqual(id, data.at(-1).event_id)
              if (client.left) continue
              strictEqual(frames.at(-1)!.name, "end")
              const last = frames.findLast(({ name }) => name === "run")!
              deepStrictEqual([last.data.status, last.data.latest_event_id], ["completed", whole.length])
            }
          }).pipe(
            Effect.scoped,
            Effect.provide(layer),
            Effect.provide(TestContext.TestContext),
            Effect.runPromise,
          ),
      ),
      { numRuns: 25 },
    )
  })
})

/** A store in memory whose reads of summaries are counted, and fail while it is down. */
const counted = () => {
  const state = { reads: 0, isDown: false }
  const summaries = Layer.effect(
    Summaries.Summaries,
    Effect.map(Summaries.Summaries, (port) => ({
      ...port,
      run: (runId) =>
        Effect.suspend(() => {
          state.reads += 1
          return state.isDown
            ? new ControlPlaneUnavailable.ControlPlaneUnavailable({
                operation: "Summaries.run",
                message: "unplugged",
              })
            : port.run(runId)
        }),
    })),
  )
  return { state, layer: Layer.provideMerge(summaries, layer) }
}

describe("the summary of a run", () => {
  it.scoped("is read once for all of its pages when its state changes, and not for what it appends", () => {
    const { layer, state } = counted()
    return Effect.gen(function* () {
      const pages = yield* Effect.flatMap(TestRuns.submit(), (run) =>
        Effect.all(Array.makeBy(100, () => open(run))),
      )
      for (const { takes } of pages) takes(1_000_000)
      strictEqual(state.reads, 100)
      const run = yield* TestRuns.claimOne(yield* TestRuns.register())
      yield* TestClock.adjust("300 millis")
      for (const { client } of pages) {
        const summaries = framesOf(client.text).filter(({ name }) => name === "run")
        deepStrictEqual(
          summaries.map(({ data }) => data.status),
          ["pending", "running"],
        )
      }
      strictEqual(state.reads, 101)
      for (let n = 0; n < 10; n++) {
        yield* TestRuns.append(run, [AgentEvent.textContent("m", `${n}`)])
        yield* TestClock.adjust("300 millis")
      }
      assertTrue(pages.every(({ client }) => framesOf(client.text).at(-1)!.id === 11))
      strictEqual(state.reads, 101)
      yield* TestRuns.complete(run)
      yield* TestClock.adjust("300 millis")
      assertTrue(pages.every(({ client }) => client.ended))
      strictEqual(state.reads, 102)
    }).pipe(Effect.provide(layer))
  })

  it.scoped("is read again each ten seconds while a page is open, and not for one that has left", () => {
    const { layer, state } = counted()
    return Effect.gen(function* () {
      const run = yield* TestRuns.hold(yield* TestRuns.register())
      const pages = [yield* open(run), yield* open(run)]
      for (const { takes } of pages) takes(1_000_000)
      const before = state.reads
      yield* TestClock.adjust("30 seconds")
      strictEqual(state.reads, before + 3)
      for (const { client } of pages) client.leave()
      yield* TestClock.adjust("30 seconds")
      strictEqual(state.reads, before + 3)
    }).pipe(Effect.provide(layer))
  })

  it.scoped("ends the pages that cannot have it", () => {
    const { layer, state } = counted()
    return Effect.gen(function* () {
      const run = yield* TestRuns.hold(yield* TestRuns.register())
      const pages = [yield* open(run), yield* open(run)]
      for (const { takes } of pages) takes(1_000_000)
      state.isDown = true
      yield* TestClock.adjust("10 seconds")
      for (const { client } of pages) {
        assertTrue(client.ended)
        deepStrictEqual(namesOf(client.text), ["run", "entries"])
        client.leave()
      }
      state.isDown = false
      const { client, takes } = yield* open(run)
      takes(1_000_000)
      deepStrictEqual(namesOf(client.text), ["run", "entries"])
    }).pipe(Effect.provide(layer))
  })
})
