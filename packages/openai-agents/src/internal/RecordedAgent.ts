/** Agents whose models, tools and handoffs belong to a run. */
import { Agent, type FunctionTool, Handoff, type Model, type Tool } from "@openai/agents-core"
import { Executor } from "@runlease/core"
import type { FrameworkSteps, ToolCalls } from "@runlease/core/executor"
import { Option, Schema } from "effect"
import * as Failures from "./Failures.js"
import { places } from "./Places.js"

/** What a tool may do to the world, by its name. See `ToolCalls.SideEffect`. */
export type SideEffects = { readonly [name: string]: ToolCalls.SideEffect }

// oxlint-disable-next-line typescript/no-explicit-any -- the SDK has these types for an agent of any context and output
export type AnyAgent = Agent<any, any>

/** The tools that work on the computer of the worker, without a function whose call is a step. */
const local: Readonly<Record<string, string>> = {
  computer: "computer",
  shell: "shell",
  apply_patch: "editor",
}

const refuseLocal = (agent: string, { name, type, ...tool }: Tool<unknown>): void => {
  const member = local[type]
  if (member === undefined || !(member in tool)) return
  throw new Executor.ExecutorError({
    code: "tool_not_recorded",
    message:
      `The tool ${name} of the agent ${agent} works without a recorded call, so another attempt would do its work again. ` +
      "Let a tool with a function do it: tool({ name, parameters, execute }).",
  })
}

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

/** The arguments of a call, as the model wrote them. */
export const inputOf = (args: string | undefined): unknown =>
  args === undefined ? {} : Option.getOrElse(parseJson(args), () => args)

/** Errors that no code of the tool has thrown: the model reads them, as it reads those of the tool. */
const textFor =
  (isTrial: boolean) =>
  (error: unknown): string => {
    if (error instanceof Error && (isTrial || error.name === "UncertainCall")) return error.message
    throw error
  }

const recordedTool = (
  steps: FrameworkSteps.FrameworkSteps,
  tool: FunctionTool<unknown>,
  sideEffect: ToolCalls.SideEffect,
  isTrial: boolean,
): FunctionTool<unknown> => ({
  ...tool,
  invoke: (context, input, details) => {
    const toolCallId = details?.toolCall?.callId
    if (toolCallId === undefined) return tool.invoke(context, input, details)
    const call = { toolCallId, toolName: tool.name, input: inputOf(input) }
    const result = steps.call(call, sideEffect, async () => {
      const output = await tool.invoke(context, input, details)
      // The SDK makes a text for the model of each error, but this one ends the attempt.
      Failures.rethrow(places.getStore())
      return output
    })
    return result.catch(textFor(isTrial))
  },
})

export interface Options {
  readonly steps: FrameworkSteps.FrameworkSteps
  readonly model: (model: Model) => Model
  readonly sideEffects: SideEffects
  /** Whether the run is a trial, whose calls have the results that it has for them. */
  readonly isTrial: boolean
}

/** Agents of two copies of the SDK do not know each other. */
const refuseForeign = (agent: AnyAgent): void => {
  if (agent instanceof Agent) return
  throw new Executor.ExecutorError({
    code: "agent_of_another_copy",
    message:
      "This is no Agent of the @openai/agents-core that @runlease/openai-agents uses. `npm ls @openai/agents-core` shows the copies: " +
      "install one version, and make the agent by `new Agent` or `Agent.create`.",
  })
}

/** Copies of agents, and of those that they hand over to. An agent has one copy, so agents may hand over to each other. */
export const make = ({ isTrial, model, sideEffects, steps }: Options) => {
  const copies = new Map<AnyAgent, AnyAgent>()
  const made = new WeakSet<AnyAgent>()

  const toolOf = (agent: AnyAgent, tool: Tool<unknown>): Tool<unknown> => {
    refuseLocal(agent.name, tool)
    return tool.type === "function"
      ? recordedTool(steps, tool, sideEffects[tool.name] ?? "atMostOnce", isTrial)
      : tool
  }

  const handoffOf = (to: AnyAgent | Handoff): AnyAgent | Handoff =>
    to instanceof Handoff
      ? to.clone({
          agent: agentOf(to.agent),
          onInvokeHandoff: async (context, args) => agentOf(await to.onInvokeHandoff(context, args)),
        })
      : agentOf(to)

  const agentOf = (agent: AnyAgent): AnyAgent => {
    if (made.has(agent)) return agent
    refuseForeign(agent)
    const before = copies.get(agent)
    if (before !== undefined) return before
    const copy: AnyAgent = agent.clone({
      ...(typeof agent.model === "string" ? {} : { model: model(agent.model) }),
      tools: agent.tools.map((tool) => toolOf(agent, tool)),
    })
    copies.set(agent, copy)
    made.add(copy)
    copy.handoffs = agent.handoffs.map((to) => handoffOf(to as AnyAgent | Handoff))
    const { getMcpTools } = copy
    copy.getMcpTools = async (...args) =>
      (await getMcpTools.apply(copy, args)).map((tool) => toolOf(agent, tool as Tool<unknown>)) as never
    return copy
  }
  return { agentOf, isOwn: (agent: AnyAgent): boolean => made.has(agent) }
}
