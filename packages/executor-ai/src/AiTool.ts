/**
 * Annotations of a worker's tools, and the current call as a service for their handlers.
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
 */
import { Tool } from "@effect/ai"
import type { Run } from "@runlease/core"
import type { ToolCalls } from "@runlease/core/executor"
import { Context } from "effect"

/**
 * The side effect of a tool, as an annotation. Without it, a tool is `pure` if it has the annotation `Tool.Readonly`,
 * `idempotent` if it has `Tool.Idempotent`, and `atMostOnce` otherwise.
 */
export class SideEffect extends Context.Reference<SideEffect>()("@runlease/executor-ai/AiTool/SideEffect", {
  defaultValue: (): ToolCalls.SideEffect | undefined => undefined,
}) {}

/**
 * Whether a person must approve a call of the tool, and may edit its arguments, as an annotation. After the other calls of the step the run waits with
 * an interrupt of reason `tool_call` that names the call. The worker makes the call if the answer is `true` or
 * `{ approved: true }`. After any other answer the model receives a refusal, with its `reason` as the
 * person wrote it. Default: no.
 *
 * With `{ editable: true }` an answer may be `{ approved: true, editedArgs: { … } }`, as AG-UI has it: all of the arguments, which must fit the
 * parameters. The worker then makes the call with these. What is as the question shows it stays as the model wrote it, so an
 * edit neither shows nor changes a secret. The model reads with the result that the arguments were edited; the log has both.
 *
 * The interrupt shows the arguments, 16 KiB of them at most. A parameter that is a `Schema.Redacted`, or whose JSON Schema has
 * `writeOnly: true` or `format: "password"`, is shown as `<redacted>`. The log has the call as the model wrote it.
 *
 * ```ts
 * const Deploy = Tool.make("deploy", {
 *   parameters: { to: Schema.String, token: Schema.Redacted(Schema.String) },
 * }).annotate(AiTool.NeedsApproval, { editable: true })
 * ```
 */
export class NeedsApproval extends Context.Reference<NeedsApproval>()(
  "@runlease/executor-ai/AiTool/NeedsApproval",
  { defaultValue: (): boolean | { readonly editable: boolean } => false },
) {}

/** The side effect of a tool by its annotations, `atMostOnce` without any. */
export const sideEffectOf = (tool: Tool.Any): ToolCalls.SideEffect => {
  const declared = Context.get(tool.annotations, SideEffect)
  if (declared !== undefined) return declared
  if (Context.get(tool.annotations, Tool.Readonly)) return "pure"
  return Context.get(tool.annotations, Tool.Idempotent) ? "idempotent" : "atMostOnce"
}

/**
 * The current call, for the handler of a tool that lists this tag in its `dependencies`. `key` is the same in every attempt
 * of the run and different for every other call, so a handler can use it as an idempotency key.
 */
export class CurrentCall extends Context.Tag("@runlease/executor-ai/AiTool/CurrentCall")<
  CurrentCall,
  { readonly run: Run.ClaimedRun; readonly toolCallId: string; readonly key: string }
>() {}
