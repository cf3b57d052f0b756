/**
 * What a tool of a worker says of its side effects, and what its handler is told of the call.
 *
 * ```ts
 * const Charge = Tool.make("charge", {
 *   parameters: { cents: Schema.Int },
 *   success: Schema.String,
 *   dependencies: [AiTool.CurrentCall],
 * }).annotate(AiTool.SideEffect, "idempotent")
 *
 * const handlers = Toolkit.make(Charge).toLayer({
 *   charge: ({ cents }) => Effect.flatMap(AiTool.CurrentCall, ({ key }) => pay(cents, { idempotencyKey: key })),
 * })
 * ```
 *
 * @since 0.1.0
 */
import { Tool } from "@effect/ai"
import type { Run, ToolCalls } from "@runlease/core"
import { Context } from "effect"

/**
 * The side effect of a tool, as an annotation. A tool without it is `pure` when it is annotated as `Tool.Readonly`,
 * `idempotent` when as `Tool.Idempotent`, and else `atMostOnce`.
 *
 * @since 0.1.0
 * @category annotations
 */
export class SideEffect extends Context.Reference<SideEffect>()("@runlease/executor-ai/AiTool/SideEffect", {
  defaultValue: (): ToolCalls.SideEffect | undefined => undefined,
}) {}

/**
 * Whether a call of the tool must be approved, as an annotation. The run then waits, after the other calls of the step, with
 * an interrupt of reason `tool_call` that names the call; the call is made when the answer is `true` or
 * `{ approved: true }`, and any other answer is told to the model. Default: no.
 *
 * ```ts
 * const Deploy = Tool.make("deploy", { parameters: { to: Schema.String } }).annotate(AiTool.NeedsApproval, true)
 * ```
 *
 * @since 0.1.0
 * @category annotations
 */
export class NeedsApproval extends Context.Reference<NeedsApproval>()(
  "@runlease/executor-ai/AiTool/NeedsApproval",
  { defaultValue: (): boolean => false },
) {}

/** The side effect that a tool is taken to have. */
export const sideEffectOf = (tool: Tool.Any): ToolCalls.SideEffect => {
  const declared = Context.get(tool.annotations, SideEffect)
  if (declared !== undefined) return declared
  if (Context.get(tool.annotations, Tool.Readonly)) return "pure"
  return Context.get(tool.annotations, Tool.Idempotent) ? "idempotent" : "atMostOnce"
}

/**
 * The call that a handler makes, for a tool that names it among its `dependencies`. `key` is the same in every attempt of
 * the run, and no other call has it: an idempotency key for what the handler talks to.
 *
 * @since 0.1.0
 * @category services
 */
export class CurrentCall extends Context.Tag("@runlease/executor-ai/AiTool/CurrentCall")<
  CurrentCall,
  { readonly run: Run.ClaimedRun; readonly toolCallId: string; readonly key: string }
>() {}
