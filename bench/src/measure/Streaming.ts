/** Latency of a delta from its worker through a server to a reader of the event stream. */
import { Runs } from "@runlease/core"
import { Context, Effect } from "effect"
import * as Child from "../Child.js"
import * as Contenders from "../Contenders.js"
import type { Calls as ReaderCalls, Latencies } from "../reader.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import { summarize } from "../Statistics.js"
import * as Stores from "../Stores.js"
import type { Calls as StreamerCalls } from "../streamer.js"
import { submission } from "../Submission.js"

const runs = 200
const perSecond = 20

/** Starts server, worker and readers in separate processes. */
const turn = (backend: Contenders.Backend) =>
  Effect.gen(function* () {
    const { streaming } = yield* Scale
    const server = yield* Stores.server(yield* Contenders.storeOf(backend, "streamed"))
    const worker = yield* Child.start<null, StreamerCalls>("streamer.ts", server.ready)
    const reader = yield* Child.start<null, ReaderCalls>("reader.ts", server.ready)
    const { submit } = Context.get(yield* Stores.client(server.ready), Runs.Runs)
    const deltas = perSecond * streaming
    const sample = Effect.gen(function* () {
      const submitted = yield* Effect.forEach(Array.from({ length: runs }), () => submit(submission), {
        concurrency: 16,
      })
      yield* reader.call(
        "open",
        submitted.map(({ run: { conversationId, runId } }) => ({ conversationId, runId })),
      )
      yield* worker.call("stream", { runs, deltas, pace: 1000 / perSecond })
      return yield* reader.call("latencies", deltas)
    })
    return { name: backend, sample }
  })

export const measure = Effect.gen(function* () {
  const { rounds } = yield* Scale
  const turns = yield* Effect.forEach(["SQLite normal", "PostgreSQL"] as const, turn)
  const results = yield* Rounds.interleave(turns, rounds)
  return {
    title: `A delta from the executor to a reader, ${runs} runs with ${perSecond} deltas a second each`,
    figures: results.flatMap(({ name, samples }) =>
      (
        [
          ["p50", "ms"],
          ["p99", "ms"],
          ["dropped", "deltas"],
        ] as const satisfies ReadonlyArray<readonly [keyof Latencies, string]>
      ).map(([what, unit]) => ({
        name: `${name}, ${what}`,
        unit,
        value: summarize(samples.map((sample) => sample[what])),
      })),
    ),
  }
}).pipe(Effect.scoped)
