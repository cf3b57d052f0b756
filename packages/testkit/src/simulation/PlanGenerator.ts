/**
 * Makes plans from seeds.
 *
 * Each plan has a few sorts of work and a few sorts of faults, chosen by its seed, and many of each: faults that come together find more
 * than all of them at once.
 *
 * @since 0.1.0
 */
import type { Fault, MessageFault, Operation, Plan, PlannedRun, PlannedWorker, Script } from "./Plan.js"
import * as Prng from "./Prng.js"

const lease = 5_000

/** Until when something may go wrong, in milliseconds. */
const horizon = 15_000

const operations = ["Claim", "Renew", "Append", "Complete", "Release", "Submit"] as const

const times = <A>(count: number, make: (index: number) => A): Array<A> =>
  Array.from({ length: count }, (_, index) => make(index))

const operationOf = (prng: Prng.Prng, index: number): Operation => {
  const sort = prng.pick(["Emit", "Work", "Step", "Step"])
  switch (sort) {
    case "Emit":
      return { _tag: "Emit", count: prng.between(1, 3) }
    case "Work":
      return { _tag: "Work", millis: prng.between(1, 4_000) }
    default:
      return { _tag: "Step", name: `step-${index + 1}`, millis: prng.between(0, 3_000) }
  }
}

const scriptOf = (prng: Prng.Prng): Script => times(prng.between(1, 5), (index) => operationOf(prng, index))

const messageFaultOf = (prng: Prng.Prng): MessageFault => {
  const sort = prng.pick([
    "LoseRequest",
    "LoseAnswer",
    "FailBefore",
    "FailAfter",
    "DelayRequest",
    "DelayAnswer",
    "Repeat",
  ])
  switch (sort) {
    case "DelayRequest":
    case "DelayAnswer":
    case "Repeat":
      return { _tag: sort, millis: prng.chance(0.5) ? prng.between(1, 300) : prng.between(300, 6_000) }
    default:
      return { _tag: sort }
  }
}

const faultOf = (prng: Prng.Prng, sort: Fault["_tag"], workers: ReadonlyArray<PlannedWorker>): Fault => {
  const worker = workers[prng.between(0, workers.length - 1)]!.name
  const at = prng.between(0, horizon)
  const millis = prng.between(200, 7_000)
  switch (sort) {
    case "Message":
      return {
        _tag: sort,
        link: prng.chance(0.15) ? "client" : worker,
        operation: prng.pick(operations),
        nth: prng.between(1, 4),
        fault: messageFaultOf(prng),
      }
    case "Partition":
      return { _tag: sort, link: worker, at, millis, loses: prng.pick(["requests", "answers", "both"]) }
    case "Pause":
      return { _tag: sort, worker, at, millis, clock: prng.pick(["runs", "stands"]) }
    case "Crash":
      return { _tag: sort, worker, at, millis, silent: prng.chance(0.5) }
    case "Shutdown":
      return { _tag: sort, worker, at, millis }
  }
}

/**
 * The plan of a seed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (seed: number): Plan => {
  const prng = Prng.make(Prng.hash("plan", seed))
  const drift = prng.chance(0.3) ? 0.03 : 0
  const workers = times(prng.between(1, 3), (index): PlannedWorker => ({
    name: `worker-${index + 1}`,
    slots: prng.between(1, 3),
    drift: drift * (2 * prng.next() - 1),
  }))
  const conversations = prng.chance(0.4) ? prng.between(1, 2) : 0
  const runs = times(prng.between(1, 4), (index): PlannedRun => ({
    name: `run-${index + 1}`,
    at: prng.between(0, 6_000),
    script: scriptOf(prng),
    maxAttempts: prng.between(1, 4),
    conversation: conversations === 0 ? undefined : `conversation-${prng.between(1, conversations)}`,
  }))
  const sorts = (["Message", "Partition", "Pause", "Crash", "Shutdown"] as const).filter(() =>
    prng.chance(0.5),
  )
  const faults = sorts.flatMap((sort) =>
    times(sort === "Message" ? prng.between(1, 8) : prng.between(1, 2), () => faultOf(prng, sort, workers)),
  )
  return {
    seed,
    lease,
    latency: prng.pick([2, 10, 50, 200]),
    workers,
    runs,
    faults,
    calmAt: horizon + 7_000,
  }
}
