/** What every `WorkerRegistry` must do: register each worker once, record heartbeats, and list workers with their runs. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases, type LeaseSignal } from "@runlease/core/Leases"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Effect, type Layer, Queue, Stream, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

/** Declares the tests of `WorkerRegistry`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`WorkerRegistry (${name})`, () => {
    test(
      "register adds a worker to the list",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const worker = yield* registry.register({
          implementationKind: "special",
          workerKey: "host:1",
          displayName: "One",
          metadata: { region: "eu" },
        })
        strictEqual(worker.implementationKind, "special")
        strictEqual(worker.workerKey, "host:1")
        strictEqual(worker.displayName, "One")
        deepStrictEqual(worker.metadata, { region: "eu" })
        const { items } = yield* registry.list()
        deepStrictEqual(
          items.map(({ id }) => id),
          [worker.id],
        )
      }),
    )

    test(
      "register again returns the same worker with its new name and metadata",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const registration = { implementationKind: "special", workerKey: "one" }
        const first = yield* registry.register({ ...registration, displayName: "Old", metadata: { v: 1 } })
        const again = yield* registry.register({ ...registration, displayName: "New", metadata: { v: 2 } })
        strictEqual(again.id, first.id)
        strictEqual(again.displayName, "New")
        deepStrictEqual(again.metadata, { v: 2 })
        const otherKey = yield* TestRuns.register("two", "special")
        const otherKind = yield* TestRuns.register("one", "other")
        strictEqual(new Set([first.id, otherKey, otherKind]).size, 3)
      }),
    )

    test(
      "concurrent registrations of one worker make one",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const ids = yield* Effect.forEach(Array.from({ length: 10 }), () => TestRuns.register(), {
          concurrency: "unbounded",
        })
        strictEqual(new Set(ids).size, 1)
        strictEqual((yield* registry.list()).items.length, 1)
      }),
    )

    test(
      "heartbeat stores the time, and refuses an unknown worker",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const worker = yield* TestRuns.register()
        yield* TestClock.adjust("7 seconds")
        const alive = yield* registry.heartbeat(worker)
        strictEqual(alive.id, worker)
        deepStrictEqual(alive.lastHeartbeatAt, yield* TestRuns.after(0))
        const stranger = Ids.WorkerId.make(yield* Ids.uuidV7)
        strictEqual(yield* TestRuns.verdictOf(registry.heartbeat(stranger)), "WorkerNotFound")
      }),
    )

    test(
      "heartbeat sets a status, and a worker ends only after draining",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const worker = yield* TestRuns.register()
        const statuses: Array<string> = []
        for (const status of ["ended", "draining", undefined, "ended", "active"] as const) {
          statuses.push((yield* registry.heartbeat(worker, status)).status)
        }
        deepStrictEqual(statuses, ["active", "draining", "draining", "ended", "active"])
        yield* registry.heartbeat(worker, "draining")
        yield* TestRuns.register()
        strictEqual((yield* registry.heartbeat(worker, "ended")).status, "active")
      }),
    )

    test(
      "a heartbeat replaces the metadata where it has some",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const registration = { implementationKind: "special", workerKey: "one" }
        const { id } = yield* registry.register({ ...registration, metadata: { region: "eu", slots: 4 } })
        deepStrictEqual((yield* registry.heartbeat(id, "active")).metadata, { region: "eu", slots: 4 })
        deepStrictEqual((yield* registry.heartbeat(id, "active", { region: "us" })).metadata, {
          region: "us",
        })
        deepStrictEqual((yield* registry.heartbeat(id)).metadata, { region: "us" })
        const { items } = yield* registry.list()
        deepStrictEqual(
          items.map(({ metadata }) => metadata),
          [{ region: "us" }],
        )
      }),
    )

    test(
      "heartbeats at once leave the status of the one and the metadata of the other",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const { id } = yield* registry.register({
          implementationKind: "special",
          workerKey: "one",
          metadata: { region: "eu" },
        })
        const beats = {
          bare: registry.heartbeat(id),
          status: registry.heartbeat(id, "draining"),
          metadata: registry.heartbeat(id, undefined, { region: "us" }),
        }
        const leave = Effect.fnUntraced(function* (...names: ReadonlyArray<keyof typeof beats>) {
          yield* registry.heartbeat(id, "active", { region: "eu" })
          yield* Effect.all(
            names.map((name) => beats[name]),
            { concurrency: "unbounded" },
          )
          const [worker] = (yield* registry.list()).items
          return [worker!.status, worker!.metadata]
        })
        const both = ["draining", { region: "us" }]
        deepStrictEqual(yield* leave("bare", "status", "metadata", "bare"), both)
        deepStrictEqual(yield* leave("bare", "metadata", "status", "bare"), both)
        deepStrictEqual(yield* leave("bare", "bare"), ["active", { region: "eu" }])
      }),
    )

    test(
      "drain is stored and returned by heartbeats, until it is taken back or the worker registers anew",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const [one, two] = [yield* TestRuns.register("one"), yield* TestRuns.register("two")]
        const drains = Effect.map(registry.list(), ({ items }) =>
          [one, two].map((worker) => items.find(({ id }) => id === worker)!.drain),
        )
        deepStrictEqual(yield* drains, [false, false])
        strictEqual((yield* registry.drain(one, true)).drain, true)
        deepStrictEqual(yield* drains, [true, false])
        const beat = yield* registry.heartbeat(one, "draining")
        deepStrictEqual([beat.drain, beat.status], [true, "draining"])
        strictEqual((yield* registry.drain(one, false)).drain, false)
        strictEqual((yield* registry.heartbeat(one)).drain, false)
        yield* registry.drain(one, true)
        yield* TestRuns.register("one")
        deepStrictEqual(yield* drains, [false, false])
        const stranger = Ids.WorkerId.make(yield* Ids.uuidV7)
        strictEqual(yield* TestRuns.verdictOf(registry.drain(stranger, true)), "WorkerNotFound")
      }),
    )

    test(
      "drain signals its worker, and no other",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const leases = yield* Leases
        const [one, two] = [yield* TestRuns.register("one"), yield* TestRuns.register("two")]
        const signals = yield* Queue.unbounded<LeaseSignal>()
        yield* TestRuns.start(
          Stream.runForEach(leases.signals(one), (signal) => Queue.offer(signals, signal)),
        )
        yield* registry.drain(two, true)
        yield* registry.drain(one, true)
        deepStrictEqual(yield* Queue.take(signals), { _tag: "Drain", drain: true })
        yield* registry.drain(one, false)
        deepStrictEqual(yield* Queue.take(signals), { _tag: "Drain", drain: false })
      }),
    )

    test(
      "list counts the runs that each worker holds",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const [busy, idle] = [yield* TestRuns.register("busy"), yield* TestRuns.register("idle")]
        for (let index = 0; index < 3; index++) yield* TestRuns.submit()
        const inFlight = Effect.map(registry.list(), ({ items }) =>
          [busy, idle].map((worker) => items.find(({ id }) => id === worker)!.inFlight),
        )
        deepStrictEqual(yield* inFlight, [0, 0])
        const [run] = yield* TestRuns.claim(busy, { limit: 2 })
        deepStrictEqual(yield* inFlight, [2, 0])
        yield* TestRuns.complete(run!)
        deepStrictEqual(yield* inFlight, [1, 0])
        yield* TestClock.adjust(TestRuns.leaseDuration)
        deepStrictEqual(yield* inFlight, [0, 0])
      }),
    )

    test(
      "list returns workers by page, the newest heartbeat first",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry
        const ids: Array<Ids.WorkerId> = []
        for (let index = 0; index < 5; index++) ids.push(yield* TestRuns.register(`worker-${index}`))
        const expected: Array<Ids.WorkerId> = []
        for (const index of [3, 0, 4, 1, 2]) {
          yield* TestClock.adjust("1 second")
          yield* registry.heartbeat(ids[index]!)
          expected.unshift(ids[index]!)
        }
        const first = yield* registry.list({ limit: 3 })
        const second = yield* registry.list({ limit: 3, cursor: first.next! })
        deepStrictEqual(
          [...first.items, ...second.items].map(({ id }) => id),
          expected,
        )
        strictEqual(second.next, null)
      }),
    )
  })
}
