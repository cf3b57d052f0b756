/** The place of runs of new keys behind a backlog of one key. */
import { Claims, Runs, WorkerRegistry } from "@runlease/core"
import { Context, Effect } from "effect"
import type * as Stores from "../Stores.js"
import { submission } from "../Submission.js"
import type { Backlog } from "./Contender.js"

const batch = 500

/** Claims give runs in their order, so each claim is as many starts as it has runs. */
export const ofRunlease = (ports: Stores.Ports, { others, runs }: Backlog): Effect.Effect<number, unknown> =>
  Effect.gen(function* () {
    const port = Context.get(ports, Runs.Runs)
    const { id: workerId } = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).register({
      implementationKind: "bench",
      workerKey: "bench",
    })
    const heavy = { ...submission, concurrencyKey: null, fairnessKey: "heavy" }
    for (let done = 0; done < runs; done += batch) {
      yield* port.submitMany(Array.from({ length: Math.min(batch, runs - done) }, () => heavy))
    }
    for (let other = 0; other < others; other += 1) {
      yield* port.submit({ ...heavy, fairnessKey: `other ${other}`, publicId: `other ${other}` })
    }
    let [place, last, left] = [0, 0, others]
    while (left > 0) {
      const claim = { workerId, limit: 10, leaseDuration: "300 seconds" } as const
      for (const { runId } of yield* Context.get(ports, Claims.Claims).claim(claim)) {
        place += 1
        if (!runId.startsWith("other")) continue
        left -= 1
        last = place
      }
    }
    return last
  })
