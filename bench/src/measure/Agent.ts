/** Agents that stream the answers of a model to viewers, side by side with agents of other systems, and when their worker dies. */
import { Effect, ExecutionStrategy, Scope } from "effect"
import { availableParallelism } from "node:os"
import * as StandIn from "../agent/StandIn.js"
import * as Systems from "../agent/Systems.js"
import * as Trials from "../agent/Trials.js"
import { type Column, type Part, type Row, summaries } from "../Figures.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import * as Targets from "../Targets.js"

const columns: ReadonlyArray<Column> = [
  ...["CPU", "worker", "server", "database", "viewers"].map((name) => ({ name, unit: "ms/run" })),
  ...["first delta, p50", "delta, p50", "delta, p99", "model late, p99"].map((name) => ({
    name,
    unit: "ms",
  })),
  { name: "stored", unit: "KB/run" },
  { name: "paid again", unit: "answers" },
  { name: "at once", unit: "runs" },
]

interface Entry {
  readonly name: string
  /** In the names of databases and queues. */
  readonly key: string
  readonly open: Systems.Open
}

const entries: ReadonlyArray<Entry> = [
  { name: "SQLite full: Runlease", key: "agent_sqlite", open: Systems.runlease("SQLite full") },
  { name: "PostgreSQL: Runlease", key: "agent_postgres", open: Systems.runlease("PostgreSQL") },
  { name: "Redis: BullMQ and streams", key: "agent_bullmq", open: Systems.bullMq },
  { name: "PostgreSQL: DBOS", key: "agent_dbos", open: Systems.dbos },
  { name: "Restate", key: "agent_restate", open: Systems.restate },
]

interface Started {
  readonly subject: Trials.Subject
  readonly worker: Systems.Worker
  /** Closing it kills the worker. */
  readonly scope: Scope.CloseableScope
}

/** Null on a machine without its software. */
const subjectOf = (model: StandIn.StandIn, { key, open }: Entry, concurrency: number, suffix = "") => {
  const name = `${key}${suffix}`
  return Effect.map(open({ name, model: model.urlOf(name), concurrency }), (system): Trials.Subject | null =>
    system === null ? null : { name, system, model },
  )
}

const start = (model: StandIn.StandIn, entry: Entry, concurrency: number) =>
  Effect.gen(function* () {
    const subject = yield* subjectOf(model, entry, concurrency)
    if (subject === null) return null
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    return {
      subject,
      scope,
      worker: yield* Scope.extend(subject.system.startWorker, scope),
    } satisfies Started
  })

type Figures = Readonly<Record<string, Row["figures"]>>

/** The figures of agents that go well, and of those whose worker is killed. */
const measured = (model: StandIn.StandIn, chosen: ReadonlyArray<Entry>) =>
  Effect.gen(function* () {
    const { agents, rounds } = yield* Scale
    const all = yield* Effect.forEach(
      chosen,
      (entry) => Effect.map(start(model, entry, agents.runs), (started) => ({ name: entry.name, started })),
      { concurrency: availableParallelism() },
    )
    const present = all.flatMap(({ name, started }) => (started === null ? [] : [{ name, ...started }]))
    const stored = Effect.forEach(present, ({ subject }) => subject.system.stored)
    const before = yield* stored
    const undisturbed = yield* Rounds.interleave(
      present.map(({ name, subject, worker }) => ({
        name,
        warmUp: Trials.warmUp(subject, { runs: agents.runs, deltas: agents.warmUp }),
        sample: Trials.undisturbed(subject, worker, agents),
      })),
      rounds,
    )
    const after = yield* stored
    // The round that warms up stores too.
    const storingRuns = agents.runs * (rounds + agents.warmUp / agents.deltas)
    const storedByRun = (index: number) => (after[index]! - before[index]!) / 1024 / storingRuns
    const killed = yield* Effect.forEach(
      present,
      ({ scope, subject }) => Trials.killed(subject, scope, { ...agents, runs: agents.killed }),
      // No time is measured here.
      { concurrency: "unbounded" },
    )
    return Object.fromEntries(
      undisturbed.map(({ name, samples }, index) => [
        name,
        { ...summaries(samples), ...summaries([{ stored: storedByRun(index), ...killed[index]! }]) },
      ]),
    ) satisfies Figures
  }).pipe(Effect.scoped)

/** How many agents at once a system can do, with no other process of this part beside it. */
const largest = (model: StandIn.StandIn, entry: Entry) =>
  Effect.gen(function* () {
    const { agents } = yield* Scale
    if (agents.most === 0) return {}
    const subject = yield* subjectOf(model, entry, agents.most, "_most")
    if (subject === null) return {}
    return summaries([yield* Trials.largest(subject, agents.deltas, agents.most)])
  }).pipe(Effect.scoped)

export const measure = Effect.gen(function* () {
  const { agents } = yield* Scale
  const isMeasured = yield* Targets.isMeasured("agent")
  const chosen = entries.filter(({ name }) => isMeasured(name))
  const model = yield* StandIn.start
  const figures: Figures = yield* measured(model, chosen)
  const rows = yield* Effect.forEach(chosen, (entry) =>
    Effect.map(largest(model, entry), (found): Row => {
      const own = figures[entry.name]
      return { name: entry.name, figures: own === undefined ? { CPU: null } : { ...own, ...found } }
    }),
  )
  return {
    title: `${agents.runs} agents at once, of 3 answers of ${agents.deltas} deltas each, 50 a second`,
    columns,
    rows,
  } satisfies Part
}).pipe(Effect.scoped)
