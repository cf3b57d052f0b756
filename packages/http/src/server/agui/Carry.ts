/**
 * A new run of a thread that continues the runs before it: it names them, and copies nothing that a request has already.
 *
 * A run that works has no output yet. One that has ended, or waits, has.
 *
 * Source: docs/decisions/0121-carried-messages.md
 */
import { type ControlPlaneError, Ids, type RequestSnapshot, Run, Runs } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import * as CarriedMessages from "@runlease/core/CarriedMessages"
import { Context, Effect } from "effect"
import { maxBytes } from "../../contract/Body.js"
import type { Ports } from "../ProjectPorts.js"
import * as History from "./History.js"
import type * as Thread from "./Thread.js"

type Carried = RequestSnapshot.Carried
type CarriedRun = Carried["runs"][number]

/** The beginning of a request: its own messages, and what it carries before the next one. */
export type Before = Pick<RequestSnapshot.RequestSnapshot, "messages" | "carries">

const orUndefined = <A>(
  read: Effect.Effect<A, Run.RunNotFound | ControlPlaneError.ControlPlaneError>,
): Effect.Effect<A | undefined, ControlPlaneError.ControlPlaneError> =>
  Effect.catchTag(read, "RunNotFound", () => Effect.succeed(undefined))

/** The own request of a run, if the run is there. */
const ownOf = (ports: Ports, { runId }: Run.Run) =>
  orUndefined(Context.get(ports, Runs.Runs).snapshot(runId, { own: true }))

/** Leaves out the messages of the oldest of these runs, as far as all of them are more than a request may be. */
const withinBytes = (runs: ReadonlyArray<CarriedRun>): ReadonlyArray<CarriedRun> => {
  let left = maxBytes
  return runs
    .toReversed()
    .map((one): CarriedRun => {
      const { out: _out, ...run } = one
      left -= run.own + run.output
      return left < 0 ? { ...run, out: true } : run
    })
    .toReversed()
}

const hasOutput = ({ status }: Run.Run): boolean => Run.isTerminal(status) || status === "waiting"

/** The thread with all its messages written, where its runs do not have them one after the other. */
const written = (ports: Ports, thread: Thread.Thread, unfinished: History.Unfinished) =>
  Effect.map(History.whole(ports, thread, unfinished), ({ messages }): Before => ({
    messages: AgUiMessages.fromAgUi(messages),
  }))

/** The runs that may have more output than the newest run of the thread names, oldest first, and that run last. `before`: those that it names. */
const telling = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  { current }: History.Unfinished,
) {
  const runs = (yield* History.tellingRuns(ports, thread, current)).slice(-CarriedMessages.maxRuns)
  const newest = runs.at(-1)
  const own = newest && (yield* ownOf(ports, newest))
  const before = own?.carries?.runs ?? []
  const found = new Set(runs.map(({ runId }) => String(runId)))
  // One that had not ended then may have ended before the newest run was there.
  const more = yield* Effect.forEach(
    before.filter(({ id, open }) => open === true && !found.has(id)),
    ({ id }) => orUndefined(Context.get(ports, Runs.Runs).get(Ids.RunId.make(id))),
  )
  return { before, newest, own, runs: [...more.filter((run) => run !== undefined), ...runs] }
})

/**
 * What the next run of a thread begins with. Of a thread that is more than a request may be, the oldest runs are left out. The log of
 * each run is read once, when the first run after it is submitted.
 */
export const before = Effect.fnUntraced(function* (ports: Ports, thread: Thread.Thread) {
  const unfinished = yield* History.unfinished(ports, thread)
  const { before: earlierRuns, newest, own: newestOwn, runs } = yield* telling(ports, thread, unfinished)
  const carried = new Map(earlierRuns.map((run) => [run.id, run]))
  const output: Array<Carried["output"][number]> = []
  for (const run of runs) {
    const { latestEventId: upTo, runId: id } = run
    const earlier = carried.get(id)
    if (earlier !== undefined && (!hasOutput(run) || earlier.upTo === upTo)) continue
    const own = run === newest ? newestOwn : yield* ownOf(ports, run)
    if (own === undefined) continue
    for (const one of own.carries?.runs ?? []) if (!carried.has(one.id)) carried.set(one.id, one)
    const size = earlier?.own ?? CarriedMessages.sizeOf(own.messages)
    const open = Run.isTerminal(run.status) ? {} : { open: true as const }
    carried.set(id, { id, own: size, output: 0, upTo: 0, ...open })
    if (!hasOutput(run)) continue
    const more = own.asOf === undefined ? yield* History.outputOf(ports, thread, run, own) : undefined
    if (more === undefined || more.restates) return yield* written(ports, thread, unfinished)
    output.push({ id, messages: more.messages })
    carried.set(id, { id, own: size, output: CarriedMessages.sizeOf(more.messages), upTo, ...open })
  }
  if (carried.size === 0) return { messages: [] } satisfies Before
  return {
    messages: [],
    carries: {
      lead: 0,
      runs: withinBytes([...carried.values()].slice(-CarriedMessages.maxRuns)),
      output,
      without: [],
      title: null,
    },
  } satisfies Before
})
