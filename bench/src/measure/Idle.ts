/** The memory that an idle viewer and a waiting claim take in the server. */
import { Runs } from "@runlease/core"
import { Context, Effect } from "effect"
import * as Child from "../Child.js"
import { type Part, summaries } from "../Figures.js"
import * as Machine from "../Machine.js"
import type { Calls as ReaderCalls } from "../reader.js"
import { Scale } from "../Scale.js"
import * as Stores from "../Stores.js"
import { submission } from "../Submission.js"
import type { Calls as WaiterCalls } from "../waiter.js"

/** The first few compile the code paths. */
const few = 20

/** Time within which all requests are waiting in the server. */
const settled = "1 second"

export const measure = Effect.gen(function* () {
  const { idle } = yield* Scale
  const server = yield* Stores.server(yield* Machine.sqlite("idle", "normal"))
  const reader = yield* Child.start<null, ReaderCalls>("reader.ts", server.ready)
  const waiter = yield* Child.start<null, WaiterCalls>("waiter.ts", server.ready)
  const { submit } = Context.get(yield* Stores.client(server.ready), Runs.Runs)

  const submitted = yield* Effect.forEach(Array.from({ length: few + idle }), () => submit(submission), {
    concurrency: 16,
  })
  const runs = submitted.map(({ run: { conversationId, runId } }) => ({ conversationId, runId }))
  const view = (count: number) => reader.call("open", runs.splice(0, count))

  const memoryOf = (work: (count: number) => Effect.Effect<unknown, unknown>) =>
    Effect.gen(function* () {
      const memory = Effect.delay(server.call("memory"), settled)
      yield* work(few)
      const before = yield* memory
      yield* work(idle)
      const after = yield* memory
      const kilobytes = (what: keyof Child.Memory) => (after[what] - before[what]) / 1024 / idle
      return summaries([{ heap: kilobytes("heapUsed"), resident: kilobytes("rss") }])
    })

  return {
    title: `Memory of the server for each of ${idle.toLocaleString("en-US")} that wait`,
    columns: ["heap", "resident"].map((name) => ({ name, unit: "KB" })),
    rows: [
      { name: "A viewer of a run of its own", figures: yield* memoryOf(view) },
      { name: "A waiting claim", figures: yield* memoryOf((count) => waiter.call("wait", count)) },
    ],
  } satisfies Part
}).pipe(Effect.scoped)
