/** Latency of a delta from its worker through a server to a reader of the event stream. */
import { Runs } from "@runlease/core"
import { Context, Effect } from "effect"
import * as Before from "../Before.js"
import * as Child from "../Child.js"
import * as Contenders from "../Contenders.js"
import * as Cpu from "../Cpu.js"
import { type Column, type Part, type Sample, summaries } from "../Figures.js"
import type { Calls as ReaderCalls } from "../reader.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import * as Stores from "../Stores.js"
import * as Targets from "../Targets.js"
import type { Calls as StreamerCalls, Options } from "../streamer.js"
import { submission } from "../Submission.js"

const perSecond = 20

interface Load {
  readonly runs: number
  /** Readers of each run. */
  readonly viewers: number
}

interface Entry extends Load {
  readonly backend: Contenders.Backend
  /** The checkout of the commit before. */
  readonly checkout?: string
}

const columns: ReadonlyArray<Column> = [
  { name: "p50", unit: "ms" },
  { name: "p99", unit: "ms" },
  { name: "dropped", unit: "deltas" },
  { name: "server's loop", unit: "% busy" },
  { name: "producer late, p99", unit: "ms" },
  ...["server", "worker", "readers", "database"].map((name) => ({ name, unit: "µs/delta" })),
]

const nameOf = ({ backend, checkout, runs, viewers }: Entry): string =>
  `${backend}: ${runs} × ${perSecond}/s${viewers > 1 ? `, ${viewers} viewers` : ""}${checkout === undefined ? "" : ", before"}`

/** Starts server, worker and readers in separate processes. */
const turn = (entry: Entry) =>
  Effect.gen(function* () {
    const { backend, checkout, runs, viewers } = entry
    const name = nameOf(entry)
    const { streaming } = yield* Scale
    const store = yield* Contenders.newStore(
      backend,
      `streamed_${runs}_${checkout === undefined ? "" : "before"}`,
    )
    const server = yield* Stores.server(store, checkout)
    const worker = yield* Child.start<null, StreamerCalls>(
      "streamer.ts",
      { served: server.ready, pace: 1000 / perSecond } satisfies Options,
      checkout,
    )
    const reader = yield* Child.start<null, ReaderCalls>("reader.ts", server.ready)
    const { submit } = Context.get(yield* Stores.client(server.ready), Runs.Runs)
    const meters: Cpu.Meters = {
      server: server.call("cpu"),
      worker: worker.call("cpu"),
      readers: reader.call("cpu"),
      ...(yield* Contenders.databaseOf(backend)),
    }
    const deltas = perSecond * streaming
    const sample = Effect.gen(function* () {
      const submitted = yield* Effect.forEach(Array.from({ length: runs }), () => submit(submission), {
        concurrency: 16,
      })
      const followed = submitted.map(({ run: { conversationId, runId } }) => ({ conversationId, runId }))
      yield* reader.call("open", Array.from({ length: viewers }, () => followed).flat())
      const before = yield* server.call("loop")
      const { used, value: late } = yield* Cpu.during(meters, worker.call("stream", { runs, deltas }))
      const after = yield* server.call("loop")
      const busy = after.busy - before.busy
      return {
        ...(yield* reader.call("latencies", deltas)),
        "server's loop": (100 * busy) / (busy + after.idle - before.idle),
        "producer late, p99": late,
        ...Cpu.per(runs * viewers * deltas, used),
      } satisfies Sample
    })
    return { name, sample }
  })

const backends = ["SQLite normal", "PostgreSQL"] as const
const load = { runs: 200, viewers: 1 }
const watched = { backend: "SQLite normal", runs: 1, viewers: 200 } as const

/** Entries that take turns. The processes of the others are not there meanwhile. */
const measured = (entries: ReadonlyArray<Entry>) =>
  Effect.gen(function* () {
    const { rounds } = yield* Scale
    const results = yield* Rounds.interleave(yield* Effect.forEach(entries, turn), rounds)
    return results.map(({ name, samples }) => ({ name, figures: summaries(samples) }))
  }).pipe(Effect.scoped)

const withBefore = (entry: Entry) =>
  Effect.map(
    Before.each((checkout) => [{ ...entry, checkout }]),
    (before): ReadonlyArray<Entry> => [entry, ...before],
  )

export const measure = Effect.gen(function* () {
  const groups = [
    ...(yield* Effect.forEach(backends, (backend) => withBefore({ backend, ...load }))),
    backends.map((backend) => ({ backend, runs: 400, viewers: 1 })),
    yield* withBefore(watched),
  ]
  const isMeasured = yield* Targets.isMeasured("streaming")
  const rows = yield* Effect.forEach(groups, (entries) =>
    measured(entries.filter((entry) => isMeasured(nameOf(entry)))),
  )
  return {
    title: `A delta from the executor to a reader, ${perSecond} a second of each run`,
    columns,
    rows: rows.flat(),
  } satisfies Part
})
