/** Makes scripts from random numbers. */
import { Array } from "effect"
import type { Operation, Script } from "./Plan.js"
import type { Prng } from "./Prng.js"

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

export type Feature = (typeof features)[number]

/** Short mostly, and sometimes about as long as a lease. */
const millisOf = (prng: Prng, most: number): number =>
  prng.chance(0.4) ? prng.between(0, 50) : prng.between(0, most)

/**
 * A script with some of these features. `depth`: how deep it is below the run of a client.
 *
 * @category constructors
 */
export const make = (prng: Prng, allowed: ReadonlySet<Feature>, depth = 0): Script => {
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
        const script = make(prng, allowed, depth + 1)
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
