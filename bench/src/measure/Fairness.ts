/** The place of the first runs of new keys behind the backlog of another. Queues without fairness start them after all of it. */
import { Effect } from "effect"
import * as Contenders from "../Contenders.js"
import { type Part, summaries } from "../Figures.js"

const backlog = { runs: 100_000, others: 50 }

const entries = [
  { name: "SQLite normal: Runlease", started: Contenders.runlease("SQLite normal") },
  { name: "PostgreSQL: Runlease", started: Contenders.runlease("PostgreSQL") },
  { name: "PostgreSQL: pg-boss", started: Contenders.pgBoss({ fetchers: 1, batchSize: 1 }) },
  { name: "Redis: BullMQ", started: Contenders.bullMq("everysec", 1) },
]

/** One after the other, and once each: a place is no matter of chance. */
export const measure = Effect.gen(function* () {
  const rows = yield* Effect.forEach(entries, ({ name, started }) =>
    Effect.gen(function* () {
      const system = yield* started
      if (system === null) return { name, figures: { place: null } }
      const place = yield* system.contender.call("places", backlog)
      return { name, figures: summaries([{ place }]) }
    }),
  )
  return {
    title: `The last first run of ${backlog.others} keys behind ${backlog.runs.toLocaleString("en-US")} runs of another`,
    columns: [{ name: "place", unit: "of all starts" }],
    rows,
  } satisfies Part
}).pipe(Effect.scoped)
