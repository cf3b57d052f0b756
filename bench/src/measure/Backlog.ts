/** How long a claim takes with few runs, very many pending ones, and very many finished ones. */
import { Claims, type Ids } from "@runlease/core"
import { Context, Effect } from "effect"
import * as HandWritten from "../HandWritten.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import { median, quantile, summarize } from "../Statistics.js"
import * as Stores from "../Stores.js"

interface Load {
  readonly pending: number
  readonly finished: number
}

const few = 1000

/** Fills the tables of a store by SQL: first what is finished, then what is pending. */
const fill = (filename: string, load: Load) =>
  Effect.gen(function* () {
    const { database } = yield* HandWritten.open(filename, "normal")
    yield* Effect.sync(() => {
      database.pragma("synchronous = OFF")
      database.pragma("cache_size = -1000000")
      const { id } = database.prepare("SELECT id FROM projects LIMIT 1").get() as { id: string }
      const ids = (kind: number) => `printf('%08x-${kind}000-7000-8000-%012x', n, n)`
      const numbers = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < @total)`
      const values = { id, total: load.finished + load.pending, finished: load.finished, now: Date.now() }
      database.transaction(() => {
        database
          .prepare(
            `${numbers} INSERT INTO runs (project_id, run_id, conversation_id, message_id, agent_id, lane, priority,
              status, gate, available_at, attempt, max_attempts, lease_epoch, latest_event_id, latest_sequence,
              created_at, updated_at, finished_at)
            SELECT @id, ${ids(1)}, ${ids(2)}, ${ids(3)}, 'bench', ${ids(2)}, 0,
              iif(n <= @finished, 'completed', 'pending'), 0, @now, 0, 3, 0, 0, 0,
              @now, @now, iif(n <= @finished, @now, NULL) FROM numbers`,
          )
          .run(values)
        database
          .prepare(
            `INSERT INTO run_details (run_pk, root_run_id, answers, submission, snapshot)
            SELECT run_pk, run_id, '{}', '{}', '{"messages":[],"tools":[],"context":[]}' FROM runs`,
          )
          .run()
      })()
      database.exec("ANALYZE; DELETE FROM sqlite_stat1; PRAGMA wal_checkpoint(TRUNCATE)")
    })
  }).pipe(Effect.scoped)

const claims = (ports: Stores.Ports, workerId: Ids.WorkerId, limit: number) =>
  Effect.gen(function* () {
    const scale = yield* Scale
    const times: Array<number> = []
    for (let index = 0; index < scale.claims; index += 1) {
      const claimed = yield* Rounds.timed(
        Context.get(ports, Claims.Claims).claim({ workerId, limit, leaseDuration: "300 seconds" }),
      )
      if (claimed.value.length !== limit) return yield* Effect.dieMessage("The backlog is used up")
      times.push(claimed.millis)
    }
    return times
  })

const contender = (folder: string, name: string, load: Load) =>
  Effect.gen(function* () {
    const filename = `${folder}/${load.pending}-${load.finished}.sqlite`
    yield* Effect.scoped(Stores.local(filename, "normal"))
    yield* fill(filename, load)
    const ports = yield* Stores.local(filename, "normal")
    return { name, sample: claims(ports, yield* Stores.registerWorker(ports), 1) }
  })

export const measure = Effect.gen(function* () {
  const folder = yield* Stores.folder
  const { backlog } = yield* Scale
  const many = backlog.toLocaleString("en-US")
  const contenders = yield* Effect.all([
    contender(folder, "1,000 pending", { pending: few, finished: 0 }),
    contender(folder, `${many} pending`, { pending: backlog, finished: 0 }),
    contender(folder, `1,000 pending, ${many} finished`, { pending: few, finished: backlog }),
  ])
  const results = yield* Rounds.interleave(contenders, 3)
  return results.map(({ name, samples }) => ({
    name,
    p50: summarize(samples.map(median)),
    p99: quantile(samples.flat(), 0.99),
  }))
}).pipe(Effect.scoped)
