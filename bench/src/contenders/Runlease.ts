/** A Runlease worker over a store in its process or, with `served`, over the network. */
import { AgentEvent, Claims, Executor, Runs, Worker, WorkerRegistry } from "@runlease/core"
import { Context, Deferred, Effect, Stream } from "effect"
import * as Backlog from "../Backlog.js"
import * as DrainRate from "../DrainRate.js"
import * as Rounds from "../Rounds.js"
import * as Stores from "../Stores.js"
import { submission } from "../Submission.js"
import { concurrency, main } from "./Contender.js"

export interface Options {
  readonly store: Stores.StoreOptions
  readonly served?: Stores.Served
}

const delta = AgentEvent.textContent("message-1", "word ")

/** Each delta is a chunk of its own, as from a model. */
const streaming = (deltas: number) =>
  Stream.make(AgentEvent.textStart("message-1")).pipe(
    Stream.concat(
      Stream.rechunk(
        Stream.map(Stream.range(1, deltas), () => delta),
        1,
      ),
    ),
    Stream.concat(Stream.make(AgentEvent.textEnd("message-1"))),
  )

const pickUps = (ports: Stores.Ports, count: number) =>
  Effect.gen(function* () {
    const runs = Context.get(ports, Runs.Runs)
    let started = yield* Deferred.make<number>()
    yield* Worker.make({ concurrency }).pipe(
      Effect.provideService(Executor.Executor, {
        execute: () => {
          Deferred.unsafeDone(started, Rounds.now)
          return Stream.empty
        },
      }),
      Effect.provide(ports),
    )
    const times: Array<number> = []
    for (let index = 0; index < count; index += 1) {
      started = yield* Deferred.make<number>()
      yield* Effect.sleep(Rounds.settled)
      yield* runs.submit(submission)
      const acknowledgedAt = yield* Rounds.now
      times.push((yield* Deferred.await(started)) - acknowledgedAt)
    }
    return times
  }).pipe(Effect.scoped)

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

main<Options>(({ served, store }) =>
  Effect.gen(function* () {
    const ports = served === undefined ? yield* Stores.local(store) : yield* Stores.client(served)
    return {
      fill: (pending) => Effect.as(Backlog.fill(store, { pending }), null),
      drain: (runs) => DrainRate.perSecond(ports, { runs, concurrency, events: Stream.empty }),
      pickUps: (count) => pickUps(ports, count),
      claims: (count) => claims(ports, count),
      stream: ({ deltas, runs }) =>
        Effect.zipRight(
          Backlog.fill(store, { pending: runs }),
          Effect.map(
            DrainRate.perSecond(ports, { runs, concurrency: runs, events: streaming(deltas) }),
            (perSecond) => perSecond * (deltas + 2),
          ),
        ),
    }
  }),
)
