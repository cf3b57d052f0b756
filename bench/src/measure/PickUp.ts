/** From the answer to a submission until an idle worker's executor has started. */
import { AgentEvent, Executor, Runs, Worker } from "@runlease/core"
import { Context, Deferred, Effect, Stream } from "effect"
import { submission } from "../BareExchange.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import { quantile } from "../Statistics.js"
import * as Stores from "../Stores.js"

interface Times {
  readonly sinceSent: number
  readonly sinceAcknowledged: number
}

const pickUps = (ports: Stores.Ports) =>
  Effect.gen(function* () {
    const scale = yield* Scale
    const runs = Context.get(ports, Runs.Runs)
    let started = yield* Deferred.make<number>()
    const executor: Executor.Executor["Type"] = {
      execute: () =>
        Stream.fromEffect(
          Effect.as(
            Effect.flatMap(Rounds.now, (millis) => Deferred.succeed(started, millis)),
            AgentEvent.stepStarted("started"),
          ),
        ),
    }
    yield* Worker.make({ concurrency: 1 }).pipe(
      Effect.provideService(Executor.Executor, executor),
      Effect.provide(ports),
    )
    const times: Array<Times> = []
    for (let index = 0; index < scale.pickUps; index += 1) {
      started = yield* Deferred.make<number>()
      // Long enough for the last run to end and the next claim to wait in the control plane.
      yield* Effect.sleep("25 millis")
      const sentAt = yield* Rounds.now
      yield* runs.submit(submission)
      const acknowledgedAt = yield* Rounds.now
      const startedAt = yield* Deferred.await(started)
      times.push({ sinceSent: startedAt - sentAt, sinceAcknowledged: startedAt - acknowledgedAt })
    }
    return times
  }).pipe(Effect.scoped)

export const measure = Effect.gen(function* () {
  const folder = yield* Stores.folder
  const { rounds } = yield* Scale
  const server = yield* Stores.server({ filename: `${folder}/served.sqlite`, synchronous: "normal" })
  const results = yield* Rounds.interleave(
    [
      { name: "in process", sample: pickUps(yield* Stores.local(`${folder}/local.sqlite`, "normal")) },
      { name: "HTTP", sample: pickUps(yield* Stores.client(server.ready)) },
    ],
    rounds,
  )
  return results.map(({ name, samples }) => {
    const of = (time: keyof Times) => {
      const values = samples.flat().map((sample) => sample[time])
      return { p50: quantile(values, 0.5), p99: quantile(values, 0.99) }
    }
    return { name, sinceAcknowledged: of("sinceAcknowledged"), sinceSent: of("sinceSent") }
  })
}).pipe(Effect.scoped)
