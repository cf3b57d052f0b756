/** Runlease workers over stores in their process or, with `served`, a worker over the network. */
import { AgentEvent, Claims, Executor, Leases, Runs, Worker, WorkerRegistry } from "@runlease/core"
import { Context, Deferred, Effect, FiberId, Scope, Stream } from "effect"
import * as DrainRate from "../DrainRate.js"
import * as Backlog from "../hand/Backlog.js"
import * as Rounds from "../Rounds.js"
import * as Stores from "../Stores.js"
import { submission } from "../Submission.js"
import { type Keyed, type Limited, main, perKey, type PickUp } from "./Contender.js"
import * as Places from "./Places.js"

export interface Options {
  readonly store: Stores.StoreOptions
  readonly served?: Stores.Served
  /** Whether leases are renewed on the event loop, over the network. */
  readonly onLoop?: boolean
  readonly concurrency: number
  readonly claimAhead?: number
  /** What a no-op run is: an Effect, or a Stream that is pulled, which every commit can execute. */
  readonly noop: "effect" | "stream"
  /** How many control planes of their own, each with a worker, share the database. */
  readonly servers: number
  /** Whether runs are submitted; else they are written as rows, faster. */
  readonly submits: boolean
}

const delta = AgentEvent.textContent("message-1", "word ")

/** So many events, of which the first opens the message and the last ends it. Each is a chunk of its own, as from a model. */
const streaming = (events: number) =>
  Stream.make(AgentEvent.textStart("message-1")).pipe(
    Stream.concat(
      Stream.rechunk(
        Stream.map(Stream.range(1, events - 2), () => delta),
        1,
      ),
    ),
    Stream.concat(Stream.make(AgentEvent.textEnd("message-1"))),
  )

const submitAll = (ports: Stores.Ports, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Context.get(ports, Runs.Runs).submit(submission), {
    concurrency: 50,
    discard: true,
  })

/** Idle workers, one over each of the stores. */
const idleWorkers = (stores: ReadonlyArray<Stores.Ports>, concurrency: number) => {
  let started = Deferred.unsafeMake<number>(FiberId.none)
  const execute = () => {
    Deferred.unsafeDone(started, Effect.succeed(performance.now()))
    return Stream.empty
  }
  // The store that was opened last has counted all others.
  const runs = Context.get(stores.at(-1)!, Runs.Runs)
  return {
    /** The Scope ends them. */
    start: Effect.forEach(
      stores,
      (ports) =>
        Worker.make({ concurrency }).pipe(
          Effect.provideService(Executor.Executor, { execute }),
          Effect.provide(ports),
        ),
      { discard: true },
    ),
    pickUp: Effect.gen(function* () {
      started = yield* Deferred.make<number>()
      yield* Effect.sleep(Rounds.settled)
      const calledAt = performance.now()
      yield* runs.submit(submission)
      const acknowledged = performance.now() - calledAt
      return { acknowledged, started: (yield* Deferred.await(started)) - calledAt } satisfies PickUp
    }),
  }
}

const claims = (ports: Stores.Ports, count: number) =>
  Effect.gen(function* () {
    const { id: workerId } = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).register({
      implementationKind: "bench",
      workerKey: "bench",
    })
    const port = Context.get(ports, Claims.Claims)
    const times: Array<number> = []
    for (let index = 0; index < count; index += 1) {
      const { millis, value } = yield* Rounds.timed(
        port.claim({ workerId, limit: 1, leaseDuration: "300 seconds" }),
      )
      if (value.length !== 1) return yield* Effect.dieMessage("The backlog is used up")
      times.push(millis)
    }
    return times
  })

const fillKeys = (ports: Stores.Ports, { keys, runs }: Keyed) =>
  Effect.forEach(
    Array.from({ length: runs }, (_, index) => `key-${index % keys}`),
    (concurrencyKey) =>
      Context.get(ports, Runs.Runs).submit({ ...submission, concurrencyKey, concurrencyLimit: perKey }),
    { concurrency: 200, discard: true },
  )

const limited = (ports: Stores.Ports, count: number) =>
  Effect.gen(function* () {
    const { id: workerId } = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).register({
      implementationKind: "bench",
      workerKey: "bench",
    })
    const port = Context.get(ports, Claims.Claims)
    const leases = Context.get(ports, Leases.Leases)
    const claimed: Array<number> = []
    const ended: Array<number> = []
    for (let index = 0; index < count; index += 1) {
      const { millis, value } = yield* Rounds.timed(
        port.claim({ workerId, limit: 1, leaseDuration: "300 seconds" }),
      )
      const [run] = value
      if (run === undefined) return yield* Effect.dieMessage("The backlog is used up")
      claimed.push(millis)
      const lease = { runId: run.runId, workerId, epoch: run.leaseEpoch }
      ended.push((yield* Rounds.timed(leases.complete(lease, { status: "completed" }))).millis)
    }
    return { claimed, ended } satisfies Limited
  })

main<Options>(({ claimAhead, concurrency, noop, onLoop, served, servers, store, submits }) =>
  Effect.gen(function* () {
    const open = served === undefined ? Stores.local(store) : Stores.client(served, onLoop)
    const stores = yield* Effect.replicateEffect(open, servers)
    const ports = stores[0]!
    const fill = (pending: number) =>
      submits
        ? Effect.zipRight(submitAll(ports, pending), Backlog.tidy(store))
        : Backlog.fill(store, { pending })
    const idle = idleWorkers(stores, concurrency)
    const scope = yield* Effect.scope
    let attended = false
    return {
      fill: (pending) => Effect.as(fill(pending), null),
      drain: (runs) =>
        DrainRate.perSecond(ports, {
          runs,
          concurrency,
          ...(claimAhead !== undefined && { claimAhead }),
          execution: noop === "effect" ? Effect.void : Stream.empty,
        }),
      attend: () =>
        Effect.sync(() => {
          attended = true
          return null
        }).pipe(Effect.zipLeft(Scope.extend(idle.start, scope))),
      pickUps: (count) => {
        const all = Effect.replicateEffect(idle.pickUp, count)
        return attended ? all : Effect.scoped(Effect.zipRight(idle.start, all))
      },
      claims: (count) => claims(ports, count),
      fillKeys: (keyed) => Effect.zipRight(fillKeys(ports, keyed), Effect.as(Backlog.tidy(store), null)),
      limited: (count) => limited(ports, count),
      places: (backlog) => Places.ofRunlease(ports, backlog),
      stream: ({ events, runs }) =>
        Effect.map(
          DrainRate.perSecond(ports, { runs, concurrency: runs, execution: streaming(events) }),
          (perSecond) => perSecond * events,
        ),
    }
  }),
)
