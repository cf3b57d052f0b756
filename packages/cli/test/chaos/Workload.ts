/**
 * What is asked of the control plane while it is in chaos. All of it follows from the seed, so the workers know the scripts of the runs.
 */
import { Array } from "effect"
import type { Action, Operation, PlannedRun, Script } from "../../../testkit/src/simulation/Plan.js"
import * as Prng from "../../../testkit/src/simulation/Prng.js"
import * as PlanGenerator from "../../../testkit/src/simulation/PlanGenerator.js"
import { byName } from "../../../testkit/src/simulation/ScriptExecutor.js"

/** Who executes a run: the module of scripts, the program, or its own client, which appends to it without a lease. */
export type Agent = "agent" | "program" | "client"

/** A run, who executes it, and what its client does to it. The instants of actions count from when it is submitted, in milliseconds. */
export interface Task {
  readonly agent: Agent
  readonly run: PlannedRun
  readonly actions: ReadonlyArray<Action>
}

/** Workers are killed from outside, so that the schedule says when. */
const features = new Set(PlanGenerator.features.filter((feature) => feature !== "Poison"))

/** So many runs share a conversation, one after the other. */
const perConversation = 6

/** Scripts of a simulation take as long as they like; these take a few seconds. */
const shortened = (script: Script): Script =>
  script.map((operation): Operation => {
    switch (operation._tag) {
      case "Work":
      case "Step":
      case "Once":
      case "Sleep":
        return { ...operation, millis: Math.ceil(operation.millis / 3) }
      case "Together":
        return { ...operation, scripts: operation.scripts.map(shortened) }
      case "Spawn":
        return { ...operation, script: shortened(operation.script), maxAttempts: operation.maxAttempts + 6 }
      default:
        return operation
    }
  })

const actionsOf = (prng: Prng.Prng, run: string): ReadonlyArray<Action> => [
  ...(prng.chance(0.1) ? [{ _tag: "Cancel", run, at: prng.between(0, 9_000) } as const] : []),
  ...(prng.chance(0.2)
    ? Array.makeBy(prng.between(1, 3), (index) => ({
        _tag: "Tell" as const,
        run,
        at: prng.between(0, 6_000),
        key: `message-${prng.chance(0.2) ? 0 : index}`,
      }))
    : []),
]

const agentOf = (prng: Prng.Prng): Agent => {
  const number = prng.next()
  return number < 0.6 ? "agent" : number < 0.88 ? "program" : "client"
}

/** The task number `nth` of a seed. */
export const taskOf = (seed: number, nth: number): Task => {
  const prng = Prng.make(Prng.hash("chaos", seed, nth))
  const agent = agentOf(prng)
  const name = `run-${nth}`
  const chosen = new Set(Array.fromIterable(features).filter(() => prng.chance(0.35)))
  const run: PlannedRun = {
    name,
    at: 0,
    script: agent === "agent" ? shortened(PlanGenerator.makeScript(prng, chosen)) : [],
    maxAttempts: prng.between(2, 12),
    conversation:
      agent === "client" || prng.chance(0.6)
        ? undefined
        : `conversation-${Math.floor(nth / perConversation)}`,
    multitask: prng.pick(["enqueue", "enqueue", "enqueue", "interrupt"]),
    repeats: prng.chance(0.2) ? [prng.between(1, 4_000)] : [],
    budget: agent === "agent" && chosen.has("Spend") ? prng.between(1, 12) : undefined,
  }
  return { agent, run, actions: agent === "client" ? [] : actionsOf(prng, name) }
}

/** The script of a run or of one of its children, by its name. */
export const scriptOf =
  (seed: number) =>
  (name: string): Script => {
    const root = /^run-(\d+)/.exec(name)
    return root === null
      ? []
      : (byName({ runs: [taskOf(seed, Number(root[1])).run], schedules: [] }).get(name) ?? [])
  }
