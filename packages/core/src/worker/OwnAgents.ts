/** The agents of a worker: those whose runs it claims, by its options and by the executors that it has. */
import { Effect } from "effect"
import * as Executor from "../executor/Executor.js"
import type { WorkerOptions } from "./WorkerOptions.js"

/**
 * The options with the agents that the executors of the context are for, and the forms of their payloads. Where an executor is there for
 * runs of any agent, those are claimed that the options name, or all. Otherwise the worker claims for its own agents alone.
 *
 * Dies where the options name an agent that no executor is for: each of its runs would fail.
 */
export const resolve = (options: WorkerOptions): Effect.Effect<WorkerOptions, never, Executor.Executor> =>
  Effect.flatMap(Executor.all, ({ agents, isOpen }) => {
    if (agents.length === 0) return Effect.succeed(options)
    const own = agents.map(({ name }) => name)
    const named = options.agentIds ?? []
    const unknown = isOpen ? [] : named.filter((name) => !own.includes(name))
    if (unknown.length > 0) {
      return Effect.dieMessage(
        `The worker has no executor for agent ${unknown.join(", ")}; it has ${own.join(", ")}. Provide the Layer of each agent in agentIds, or leave agentIds out`,
      )
    }
    const forms = Object.fromEntries(
      agents.flatMap(({ form, name }) => (form === undefined ? [] : [[name, form] as const])),
    )
    return Effect.succeed({
      ...options,
      ...(named.length > 0 || isOpen ? {} : { agentIds: own }),
      forms: { ...forms, ...options.forms },
    })
  })
