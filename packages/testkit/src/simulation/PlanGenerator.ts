/**
 * Makes plans from seeds.
 *
 * Each plan has a few sorts of work and a few sorts of faults, chosen by its seed: what comes together often finds more than all of it
 * mixed thinly.
 */
import { Array } from "effect"
import type { Action, Fault, MessageFault, Plan, PlannedRun, PlannedSchedule, PlannedWorker } from "./Plan.js"
import * as LimitGenerator from "./LimitGenerator.js"
import * as Prng from "./Prng.js"
import * as ScriptGenerator from "./ScriptGenerator.js"

const lease = 5_000

/** Until when something may begin to go wrong, in milliseconds. */
const horizon = 15_000

/** The longest that something goes wrong. */
const longestFault = 7_000

const operations = [
  "Claim",
  "Claim",
  "Renew",
  "Renew",
  "Append",
  "Append",
  "Append",
  "Complete",
  "Suspend",
  "Release",
  "Spawn",
  "Read",
  "Look",
  "Signal",
  "Register",
  "Heartbeat",
] as const

const ofClients = ["Submit", "Submit", "Cancel", "Tell"] as const
const ofAttendants = ["List", "Resume", "Tell"] as const

const faultSorts = ["Message", "Partition", "Stall", "Pause", "Crash", "Shutdown", "Freeze"] as const

const messageFaultOf = (prng: Prng.Prng): MessageFault => {
  const sort = prng.pick([
    "LoseRequest",
    "LoseAnswer",
    "LoseAnswer",
    "FailBefore",
    "FailAfter",
    "DelayRequest",
    "DelayAnswer",
    "Repeat",
    "Repeat",
  ])
  switch (sort) {
    case "DelayRequest":
    case "DelayAnswer":
    case "Repeat":
      return { _tag: sort, millis: prng.chance(0.5) ? prng.between(1, 300) : prng.between(300, longestFault) }
    default:
      return { _tag: sort }
  }
}

const faultOf = (
  prng: Prng.Prng,
  sort: (typeof faultSorts)[number],
  workers: ReadonlyArray<PlannedWorker>,
): Fault => {
  const worker = workers[prng.between(0, workers.length - 1)]!.name
  const at = prng.between(0, horizon)
  const millis = prng.between(200, longestFault)
  switch (sort) {
    case "Message": {
      const from = prng.next()
      return {
        _tag: sort,
        link: from < 0.15 ? "client" : from < 0.25 ? "attendant-1" : worker,
        operation:
          from < 0.15 ? prng.pick(ofClients) : from < 0.25 ? prng.pick(ofAttendants) : prng.pick(operations),
        nth: prng.between(1, 4),
        fault: messageFaultOf(prng),
      }
    }
    case "Partition":
      return { _tag: sort, link: worker, at, millis, loses: prng.pick(["requests", "answers", "both"]) }
    case "Stall":
      return { _tag: sort, link: worker, at, millis, delays: prng.pick(["requests", "answers", "both"]) }
    case "Pause":
      return { _tag: sort, worker, at, millis, clock: prng.pick(["runs", "runs", "stands"]) }
    case "Crash":
      return { _tag: sort, worker, at, millis, silent: prng.chance(0.5) }
    case "Shutdown":
      return { _tag: sort, worker, at, millis }
    case "Freeze":
      return { _tag: sort, at, millis }
  }
}

const workersOf = (prng: Prng.Prng): ReadonlyArray<PlannedWorker> => {
  const drift = prng.chance(0.3) ? 0.03 : 0
  return Array.makeBy(prng.between(1, 3), (index) => ({
    name: `worker-${index + 1}`,
    slots: prng.between(1, 3),
    drift: drift * (2 * prng.next() - 1),
  }))
}

const runsOf = (prng: Prng.Prng): ReadonlyArray<PlannedRun> => {
  const features = new Set(ScriptGenerator.features.filter(() => prng.chance(0.3)))
  const conversations = prng.chance(0.4) ? prng.between(1, 2) : 0
  const multitasks = prng.chance(0.3)
  return Array.makeBy(prng.between(1, 4), (index) => ({
    name: `run-${index + 1}`,
    at: prng.between(0, 3_000),
    script: ScriptGenerator.make(prng, features),
    maxAttempts: prng.between(1, 4),
    conversation: conversations === 0 ? undefined : `conversation-${prng.between(1, conversations)}`,
    multitask: multitasks ? prng.pick(["enqueue", "steer", "interrupt", "latest", "reject"]) : "enqueue",
    repeats: prng.chance(0.2) ? Array.makeBy(prng.between(1, 2), () => prng.between(1, 5_000)) : [],
    budget: features.has("Spend") ? prng.between(1, 12) : undefined,
  }))
}

const actionsOf = (prng: Prng.Prng, runs: ReadonlyArray<PlannedRun>): ReadonlyArray<Action> => {
  const sorts = (["Cancel", "Tell"] as const).filter(() => prng.chance(0.25))
  return sorts.flatMap((sort) =>
    Array.makeBy(prng.between(1, sort === "Tell" ? 4 : 2), (index): Action => {
      const { at, name } = runs[prng.between(0, runs.length - 1)]!
      const later = at + prng.between(1, 9_000)
      return sort === "Cancel"
        ? { _tag: sort, run: name, at: later }
        : { _tag: sort, run: name, at: later, key: `message-${prng.chance(0.2) ? 0 : index}` }
    }),
  )
}

const hour = 3_600_000

const schedulesOf = (prng: Prng.Prng): ReadonlyArray<PlannedSchedule> =>
  Array.makeBy(prng.chance(0.3) ? prng.between(1, 2) : 0, (index) => ({
    name: `schedule-${index + 1}`,
    at: prng.between(0, 2_000),
    repeats: prng.chance(0.5) ? Array.makeBy(prng.between(1, 2), () => prng.between(1, 12_000)) : [],
    first: prng.between(3, 8) * 1_000,
    every: prng.between(1, 4) * 1_000,
    ticks: prng.between(2, 6),
    policy: prng.pick(["Allow", "Forbid", "Replace", "Queue"]),
    missed: prng.pick(["skip", "once", "all"]),
    script: [{ _tag: "Work", millis: prng.between(10, 6_000) }],
  }))

/** The times in which the wall clock of the store is an hour off. Schedules alone follow it. */
const clocksOf = (prng: Prng.Prng, schedules: ReadonlyArray<PlannedSchedule>): ReadonlyArray<Fault> =>
  Array.makeBy(schedules.length > 0 && prng.chance(0.6) ? prng.between(1, 2) : 0, () => ({
    _tag: "Clock",
    at: prng.between(0, horizon),
    millis: prng.between(200, longestFault),
    ahead: prng.pick([hour, -hour]),
  }))

/**
 * The plan of a seed.
 *
 * @category constructors
 */
export const make = (seed: number): Plan => {
  const prng = Prng.make(Prng.hash("plan", seed))
  const workers = workersOf(prng)
  const runs = runsOf(prng)
  const actions = actionsOf(prng, runs)
  const sorts = faultSorts.filter(() => prng.chance(0.4))
  const faults = sorts.flatMap((sort) =>
    Array.makeBy(sort === "Message" ? prng.between(1, 8) : prng.between(1, 2), () =>
      faultOf(prng, sort, workers),
    ),
  )
  const ofSchedules = Prng.make(Prng.hash("schedules", seed))
  const schedules = schedulesOf(ofSchedules)
  const limited = LimitGenerator.make(seed)
  return {
    seed,
    lease,
    latency: prng.pick([2, 10, 50, 200]),
    workers,
    runs: [...runs, ...limited.runs],
    schedules,
    limits: limited.limits,
    actions,
    attendants: prng.chance(0.3) ? 2 : 1,
    faults: [...faults, ...clocksOf(ofSchedules, schedules)],
    calmAt: horizon + longestFault,
  }
}
