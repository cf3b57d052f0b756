/**
 * Makes the part of a plan that has limits of concurrency: runs under limits, and what a client changes of these limits meanwhile.
 *
 * It has its own seed, so it changes nothing else of a plan.
 */
import type { LimitSubject } from "@runlease/core/Limits"
import { Array } from "effect"
import type { LimitChange, Operation, Plan, PlannedRun } from "./Plan.js"
import * as Prng from "./Prng.js"

const agents = ["limited-1", "limited-2"] as const
const keys = ["key-1", "key-2"] as const
const namedKeys = ["eu", "us"] as const

/** The limit with a name that some plans have. */
const gpu = "gpu"

const ofKey = (key: string): LimitSubject => ({ kind: "concurrency_key", name: null, key })
const ofAgent = (key: string): LimitSubject => ({ kind: "agent", name: null, key })
const ofName = (key: string): LimitSubject => ({ kind: "named", name: gpu, key })

const scriptOf = (prng: Prng.Prng): ReadonlyArray<Operation> => {
  const work = (): Operation => ({ _tag: "Work", millis: prng.between(10, 3_000) })
  return prng.chance(0.25)
    ? [work(), { _tag: "Sleep", name: "pause", millis: prng.between(10, 3_000) }, work()]
    : [work()]
}

/**
 * The runs and the changes of a seed; none for most seeds.
 *
 * @category constructors
 */
export const make = (seed: number): Pick<Plan, "runs" | "limits"> => {
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
