/**
 * Makes plans from seeds.
 *
 * Each plan has a few sorts of work and a few sorts of faults, chosen by its seed: what comes together often finds more than all of it
 * mixed thinly.
 */
import { type LimitSubject, ofAgent, ofKey } from "@runlease/core/Limits"
import { Array } from "effect"
import type {
  Action,
  Fault,
  LimitChange,
  MessageFault,
  Operation,
  Plan,
  PlannedRun,
  PlannedSchedule,
  PlannedWorker,
  Script,
} from "./Plan.js"
import * as Prng from "./Prng.js"

/** What a script may have besides events, work and steps. */
export const features = [
  "Once",
  "Sleep",
  "Spawn",
  "Take",
  "Ask",
  "Spend",
  "Together",
  "Fail",
  "Poison",
  "Result",
] as const

type Feature = (typeof features)[number]

/** Short mostly, and sometimes about as long as a lease. */
const millisOf = (prng: Prng.Prng, most: number): number =>
  prng.chance(0.4) ? prng.between(0, 50) : prng.between(0, most)

/** A script with some of these features. `depth`: how deep it is below the run of a client. */
export const makeScript = (prng: Prng.Prng, allowed: ReadonlySet<Feature>, depth = 0): Script => {
  let count = 0
  let spawned = 0
  const named = (sort: string): string => {
    count += 1
    return `${sort}-${count}`
  }

  const plain = (): Operation => {
    const sort = prng.pick(["Emit", "Work", "Step", "Step"])
    switch (sort) {
      case "Emit":
        return { _tag: sort, count: prng.between(1, 3) }
      case "Work":
        return { _tag: sort, millis: millisOf(prng, 4_000) }
      default:
        return { _tag: sort, name: named("step"), millis: millisOf(prng, 3_000) }
    }
  }

  const special = (feature: Feature, nested: boolean): Operation => {
    switch (feature) {
      case "Once":
        return { _tag: feature, name: named("once"), millis: millisOf(prng, 2_000) }
      case "Sleep":
        return { _tag: feature, name: named("sleep"), millis: prng.between(100, 9_000) }
      case "Take":
        return prng.chance(0.6)
          ? { _tag: "Take", name: named("take") }
          : { _tag: "Drain", name: named("drain") }
      case "Ask":
        return { _tag: feature, name: named("ask") }
      case "Spend":
        return prng.chance(0.5) ? { _tag: feature, cost: prng.between(1, 8) } : { _tag: "Check" }
      case "Fail":
        return { _tag: feature, times: prng.between(1, 3), retryable: prng.chance(0.8) }
      case "Poison":
        return { _tag: feature, times: prng.between(1, 4) }
      case "Spawn": {
        if (spawned > 0 && prng.chance(0.4)) {
          return { _tag: prng.chance(0.7) ? "Join" : "JoinFirst", name: named("join") }
        }
        if (depth > 1 || spawned > 1) return plain()
        spawned += 1
        const script = makeScript(prng, allowed, depth + 1)
        return { _tag: feature, name: named("child"), script, maxAttempts: prng.between(1, 3) }
      }
      case "Together":
        if (nested) return plain()
        return {
          _tag: feature,
          scripts: Array.makeBy(prng.between(2, 3), () =>
            Array.makeBy(prng.between(1, 2), () => operation(true)),
          ),
        }
      case "Result":
        return plain()
    }
  }

  const chosen = features.filter((feature) => allowed.has(feature))
  const operation = (nested: boolean): Operation => {
    const [first, ...others] = chosen
    if (first === undefined || prng.chance(0.4)) return plain()
    const feature = prng.pick([first, ...others])
    // What ends the run, or waits for what is outside of a branch, is outside of it.
    return nested && (feature === "Fail" || feature === "Poison" || feature === "Spawn")
      ? plain()
      : special(feature, nested)
  }

  const script = Array.makeBy(prng.between(1, depth === 0 ? 5 : 3), () => operation(false))
  const joined: Script = spawned > 0 && prng.chance(0.7) ? [{ _tag: "Join", name: named("join") }] : []
  const result: Script = allowed.has("Result") ? [{ _tag: "Result" }] : []
  return [...script, ...joined, ...result]
}

const agents = ["limited-1", "limited-2"] as const

const keys = ["key-1", "key-2"] as const

const namedKeys = ["eu", "us"] as const

/** The limit with a name that some plans have. */
const gpu = "gpu"

const ofName = (key: string): LimitSubject => ({ kind: "named", name: gpu, key })

const scriptOf = (prng: Prng.Prng): ReadonlyArray<Operation> => {
  const work = (): Operation => ({ _tag: "Work", millis: prng.between(10, 3_000) })
  return prng.chance(0.25)
    ? [work(), { _tag: "Sleep", name: "pause", millis: prng.between(10, 3_000) }, work()]
    : [work()]
}

/** The runs under limits and the changes of these limits; none for most seeds. It has its own seed, so it changes nothing else of a plan. */
const makeLimits = (seed: number): Pick<Plan, "runs" | "limits"> => {
  const prng = Prng.make(Prng.hash("limits", seed))
  if (!prng.chance(0.3)) return { runs: [], limits: [] }
  const hasName = prng.chance(0.5)
  const hasPriorities = prng.chance(0.4)
  const hasFairness = prng.chance(0.4)
  const most = prng.between(1, 3)
  const runs = Array.makeBy(prng.between(4, 10), (index): PlannedRun => {
    const key = prng.chance(0.7) ? prng.pick(keys) : undefined
    return {
      name: `limited-${index + 1}`,
      at: prng.between(0, 5_000),
      script: scriptOf(prng),
      maxAttempts: 20,
      conversation: undefined,
      multitask: "enqueue",
      repeats: prng.chance(0.2) ? [prng.between(1, 3_000)] : [],
      budget: undefined,
      under: {
        agent: prng.pick(agents),
        key,
        maxRunning: prng.chance(0.8) ? most : prng.between(1, 3),
        named: hasName && prng.chance(0.6) ? { [gpu]: prng.pick(namedKeys) } : {},
        priority: hasPriorities ? prng.between(0, 2) : 0,
        fairnessKey: hasFairness ? prng.pick(["a", "b"]) : undefined,
      },
    }
  })
  const subjectOf = (): LimitSubject => {
    const sort = prng.pick(["key", "agent", hasName ? "name" : "key"])
    if (sort === "agent") return ofAgent(prng.pick(agents))
    return sort === "key" ? ofKey(prng.pick(keys)) : ofName(prng.pick(namedKeys))
  }
  const limits = Array.makeBy(prng.between(0, 4), (): LimitChange => {
    const at = prng.between(500, 12_000)
    const subject = subjectOf()
    // Submissions alone set the limit of a concurrency key.
    return subject.kind === "concurrency_key" || prng.chance(0.4)
      ? { _tag: "Pause", subject, at, millis: prng.between(100, 5_000) }
      : { _tag: "Set", subject, at, maxRunning: prng.between(1, 3) }
  })
  const named: ReadonlyArray<LimitChange> = hasName
    ? [{ _tag: "Set", subject: ofName(namedKeys[0]), at: 0, maxRunning: prng.between(1, 2) }]
    : []
  return { runs, limits: [...named, ...limits] }
}

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
  const allowed = new Set(features.filter(() => prng.chance(0.3)))
  const conversations = prng.chance(0.4) ? prng.between(1, 2) : 0
  const multitasks = prng.chance(0.3)
  return Array.makeBy(prng.between(1, 4), (index) => ({
    name: `run-${index + 1}`,
    at: prng.between(0, 3_000),
    script: makeScript(prng, allowed),
    maxAttempts: prng.between(1, 4),
    conversation: conversations === 0 ? undefined : `conversation-${prng.between(1, conversations)}`,
    multitask: multitasks ? prng.pick(["enqueue", "steer", "interrupt", "latest", "reject"]) : "enqueue",
    repeats: prng.chance(0.2) ? Array.makeBy(prng.between(1, 2), () => prng.between(1, 5_000)) : [],
    budget: allowed.has("Spend") ? prng.between(1, 12) : undefined,
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
  const limited = makeLimits(seed)
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
