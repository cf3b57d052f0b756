/** A thread whose client takes no second run while one is under way. */
import { type Ids, ResumeRules, type Run, Runs } from "@runlease/core"
import { Context, Effect } from "effect"
import * as Refusal from "../../contract/Refusal.js"
import type { Ports } from "../ProjectPorts.js"
import * as History from "./History.js"
import type * as Thread from "./Thread.js"

const busy = ({ runId, status }: Run.Run) =>
  Refusal.make(
    409,
    "thread_busy",
    `Run ${runId} of the thread is ${status}; stop it, or wait for its end, or send the input without busy=refuse`,
    { field: "threadId", status },
  )

/** Whether the client of the run is to act, so that the run is not under way. */
const waitsForClient = ({ status, waiting }: Run.Run): boolean =>
  status === "waiting" && (waiting === null || !ResumeRules.isPaused(waiting))

/**
 * Accepts a run where no other of the thread is under way, or refuses it. A run that waits for its client is not under
 * way. Of several that come at once the first is accepted.
 */
export const unlessBusy = <A extends { readonly runId: Ids.RunId }, E, R>(
  ports: Ports,
  thread: Thread.Thread,
  runId: Ids.RunId,
  submit: Effect.Effect<A, E, R>,
) =>
  Effect.gen(function* () {
    const runs = Context.get(ports, Runs.Runs)
    if (yield* Effect.isSuccess(runs.get(runId))) return yield* submit
    const { current } = yield* History.unfinished(ports, thread)
    if (current !== undefined && !waitsForClient(current)) return yield* busy(current)
    const submitted = yield* submit
    // Another may have come between; the order of submission says which of them was first.
    const after = yield* History.unfinished(ports, thread)
    const ahead = after.current
    if (ahead === undefined || ahead.runId === submitted.runId || waitsForClient(ahead)) return submitted
    yield* runs.cancel(submitted.runId)
    return yield* busy(ahead)
  })
