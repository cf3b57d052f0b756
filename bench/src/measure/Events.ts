/** Events per second into the logs of 64 runs that stream small deltas. */
import { AgentEvent, Claims, Executor, RunLog, Runs, Worker } from "@runlease/core"
import { Context, Effect, Fiber, Stream } from "effect"
import { submission } from "../BareExchange.js"
import * as HandWritten from "../HandWritten.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import { summarize } from "../Statistics.js"
import * as Stores from "../Stores.js"

const streams = 64
const together = 50
const delta = AgentEvent.textContent("message-1", "word ")

type Contender = Rounds.Contender<number, unknown, Scale>

/** Each delta comes by itself, as from a model. */
const executor = (deltas: number): Executor.Executor["Type"] => ({
  execute: () =>
    Stream.make(AgentEvent.textStart("message-1")).pipe(
      Stream.concat(
        Stream.rechunk(
          Stream.map(Stream.range(1, deltas), () => delta),
          1,
        ),
      ),
      Stream.concat(Stream.make(AgentEvent.textEnd("message-1"))),
    ),
})

/** A worker streams 64 runs to their ends. */
const worker = (ports: Stores.Ports) =>
  Effect.gen(function* () {
    const { deltasPerRun } = yield* Scale
    const runs = Context.get(ports, Runs.Runs)
    const started = yield* Worker.make({ concurrency: streams }).pipe(
      Effect.provideService(Executor.Executor, executor(deltasPerRun)),
      Effect.provide(ports),
    )
    const ended = yield* started.events.pipe(
      Stream.filter((event) => event._tag === "Ended" && event.recorded),
      Stream.take(streams),
      Stream.runDrain,
      Effect.fork,
    )
    const { millis } = yield* Rounds.timed(
      Effect.zipRight(
        Effect.all(
          Array.from({ length: streams }, () => runs.submit(submission)),
          { concurrency: "unbounded", discard: true },
        ),
        Fiber.join(ended),
      ),
    )
    return (streams * (deltasPerRun + 2) * 1000) / millis
  }).pipe(Effect.scoped)

/** 64 fibers append to 64 held runs in turn, one event to an append. */
const oneByOne = (ports: Stores.Ports) =>
  Effect.gen(function* () {
    const { slice } = yield* Scale
    const workerId = yield* Stores.registerWorker(ports)
    const log = Context.get(ports, RunLog.RunLog)
    const runs = Context.get(ports, Runs.Runs)
    yield* Effect.all(
      Array.from({ length: streams }, () => runs.submit(submission)),
      { concurrency: "unbounded", discard: true },
    )
    const claimed = yield* Context.get(ports, Claims.Claims).claim({
      workerId,
      limit: streams,
      leaseDuration: "300 seconds",
    })
    const fences = claimed.map(({ leaseEpoch, runId }) => ({
      runId,
      fence: { workerId, epoch: leaseEpoch },
    }))
    let turn = 0
    const perSecond = yield* Rounds.rate(
      Effect.suspend(() => {
        const { fence, runId } = fences[(turn += 1) % streams]!
        return log.append({ runId, events: [delta], fence })
      }),
      { concurrency: streams, millis: slice },
    )
    yield* Effect.all(
      fences.map(({ fence, runId }) => runs.complete(runId, { status: "completed" }, fence)),
      { concurrency: "unbounded", discard: true },
    )
    return perSecond
  })

const byHand = (folder: string, synchronous: Stores.Synchronous) =>
  Effect.gen(function* () {
    const filename = `${folder}/hand-${synchronous}.sqlite`
    yield* Effect.scoped(Stores.local(filename, synchronous))
    const { alone, append, claim, submit, together: many } = yield* HandWritten.open(filename, synchronous)
    many(streams, submit)()
    many(streams, claim)()
    const one = alone(append)
    const batch = many(together, append)
    const sample = (write: () => void, count: number) =>
      Effect.flatMap(Scale, ({ slice }) =>
        Rounds.plainRate(() => {
          write()
          return count
        }, slice),
      )
    const contenders: ReadonlyArray<Contender> = [
      { name: `by hand, ${synchronous}, one by one`, sample: sample(one, 1) },
      { name: `by hand, ${synchronous}, ${together} to a commit`, sample: sample(batch, together) },
    ]
    return contenders
  })

export const measure = Effect.gen(function* () {
  const folder = yield* Stores.folder
  const { rounds } = yield* Scale
  const server = yield* Stores.server({ filename: `${folder}/served.sqlite`, synchronous: "normal" })
  const local = yield* Stores.local(`${folder}/local-normal.sqlite`, "normal")
  const durable = yield* Stores.local(`${folder}/local-full.sqlite`, "full")
  const remote = yield* Stores.client(server.ready)
  const contenders: ReadonlyArray<Contender> = [
    ...(yield* byHand(folder, "normal")),
    { name: "worker, in process, normal", sample: worker(local) },
    { name: "one event to an append, in process, normal", sample: oneByOne(local) },
    ...(yield* byHand(folder, "full")),
    { name: "worker, in process, full", sample: worker(durable) },
    { name: "one event to an append, in process, full", sample: oneByOne(durable) },
    { name: "worker, HTTP", sample: worker(remote) },
    { name: "one event to an append, HTTP", sample: oneByOne(remote) },
  ]
  const results = yield* Rounds.interleave(contenders, rounds)
  return results.map(({ name, samples }) => ({ name, perSecond: summarize(samples) }))
}).pipe(Effect.scoped)
