/** Tools whose calls are steps of the run. */
import type { FrameworkSteps, ToolCalls } from "@runlease/core/executor"
import type { Tool, ToolSet } from "ai"
import { Predicate } from "effect"

/** What a tool may do to the world, by its name. See `ToolCalls.SideEffect`. */
export type SideEffects<Tools extends ToolSet> = { readonly [Name in keyof Tools]?: ToolCalls.SideEffect }

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  Predicate.hasProperty(value, Symbol.asyncIterator)

/** The last of the outputs of a tool. Those before it are preliminary. */
const lastOf = async (outputs: AsyncIterable<unknown>): Promise<unknown> => {
  let last: unknown
  for await (const output of outputs) last = output
  return last
}

const recorded = (
  toolName: string,
  tool: Tool,
  sideEffect: ToolCalls.SideEffect,
  stepsOf: () => FrameworkSteps.FrameworkSteps,
): Tool => {
  const { execute } = tool
  if (execute === undefined) return tool
  const call: typeof execute = (input, options) =>
    stepsOf().call({ toolCallId: options.toolCallId, toolName, input }, sideEffect, async () => {
      const output = execute(input, options)
      return isIterable(output) ? lastOf(output) : output
    })
  return { ...tool, execute: call } as Tool
}

/** A tool without a side effect that is named is `atMostOnce`. */
export const make = <Tools extends ToolSet>(
  tools: Tools,
  sideEffects: SideEffects<Tools>,
  stepsOf: () => FrameworkSteps.FrameworkSteps,
): Tools =>
  Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => [
      name,
      recorded(name, tool as Tool, sideEffects[name] ?? "atMostOnce", stepsOf),
    ]),
  ) as Tools
