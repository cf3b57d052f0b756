/**
 * Agents of the OpenAI Agents SDK in a worker.
 *
 * ```ts
 * export default OpenAIAgents.agent(desk, { sideEffects: { find_order: "pure" } })
 * ```
 *
 * Each answer of a model is a step of the run, and is shown as it comes. Each call of a tool is a step, and each approval a question. A worker
 * that takes the run over begins the agent anew: it gets what is recorded, and requests an answer that broke off once more.
 *
 * Source: docs/decisions/0163-openai-agents.md
 */
import {
  type AgentInputItem,
  type Model,
  type RunConfig,
  Runner,
  type RunStreamEvent,
  type RunToolApprovalItem,
  ToolCallError,
} from "@openai/agents-core"
import { Executor, type PromiseSteps, type Run, type RunLog, type Runs } from "@runlease/core"
import { FrameworkSteps } from "@runlease/core/executor"
import type { Effect } from "effect"
import * as Messages from "./internal/Messages.js"
import { places } from "./internal/Places.js"
import * as RecordedAgent from "./internal/RecordedAgent.js"
import * as RecordedModel from "./internal/RecordedModel.js"

export type { AnyAgent, SideEffects } from "./internal/RecordedAgent.js"

/** What a program needs of its run. The worker provides it. */
export type Needs = PromiseSteps.Needs | RunLog.RunLog | Runs.Runs

/** How an agent runs. */
export interface Settings {
  /** `pure`, `idempotent` or `atMostOnce`, by the name of the tool. Default: `atMostOnce`. */
  readonly sideEffects?: RecordedAgent.SideEffects

  /** The settings of the SDK's `Runner`, such as `modelProvider`, `modelSettings` or `toolNotFoundBehavior`. */
  readonly runner?: Partial<RunConfig>

  /** How many answers a run has at most. Default: that of the SDK. */
  readonly maxTurns?: number | null

  /** The context of the tools and the instructions, as the SDK passes it on. It is made in each attempt. */
  readonly context?: (run: Run.ClaimedRun) => unknown

  /** The name of the model's provider in reports of usage. Default: `openai`. */
  readonly provider?: string
}

/** A run, for a program that uses the SDK. */
export interface Sdk {
  /** The steps and the questions of the run. */
  readonly steps: PromiseSteps.PromiseSteps

  /** It is aborted when the attempt ends early. */
  readonly signal: AbortSignal

  /** The conversation, without what this run has written. */
  readonly input: ReadonlyArray<AgentInputItem>

  /**
   * Runs an agent to its end, and returns its final output. Its answers are shown as they come. The run waits for its approvals without a
   * worker. `input`: default is the conversation.
   */
  readonly run: <Agent extends RecordedAgent.AnyAgent>(
    agent: Agent,
    input?: string | ReadonlyArray<AgentInputItem>,
  ) => Promise<
    Agent extends { processFinalOutput(output: string): infer Output } ? Output | undefined : unknown
  >

  /** A model with its answers as steps, which are not shown where they are not streamed. */
  readonly model: (model: Model) => Model
}

const messageOf = (output: unknown): string =>
  typeof output === "string" ? output : (JSON.stringify(output ?? null) ?? "null")

/** The result of a call that is not approved. */
const declined = (reason: string | undefined): string =>
  reason === undefined
    ? "This call was not approved, so it was not made."
    : `This call was not approved, so it was not made. The reason: ${reason}`

/** An error as the program has thrown it: the SDK wraps those of tools. */
const unwrapped = (error: unknown): unknown => (error instanceof ToolCallError ? error.error : error)

/** Shows the result of a call that the SDK has answered itself, such as one whose tool is not there. */
const settle = async (steps: FrameworkSteps.FrameworkSteps, event: RunStreamEvent): Promise<void> => {
  if (event.type !== "run_item_stream_event") return
  const { item } = event
  if (item.type === "tool_call_output_item" && item.rawItem.type === "function_call_result") {
    await steps.refuse(item.rawItem.callId, messageOf(item.output))
  }
  if (item.type === "handoff_output_item") {
    const { callId: toolCallId, name: toolName } = item.rawItem
    const call = { toolCallId, toolName, input: {} }
    await steps.call(call, "pure", async () => `The agent is ${item.targetAgent.name}.`)
  }
}

const runOf = (
  claimed: Run.ClaimedRun,
  steps: FrameworkSteps.FrameworkSteps,
  signal: AbortSignal,
  conversation: ReadonlyArray<AgentInputItem>,
  { context, maxTurns, provider = "openai", runner: config = {}, sideEffects = {} }: Settings,
) => {
  const model = (inner: Model): Model =>
    RecordedModel.make(inner, { provider, model: "model" }, () => places.getStore()?.steps)
  const { agentOf, isOwn } = RecordedAgent.make({
    steps,
    model,
    sideEffects,
    isTrial: claimed.snapshot.trial !== undefined,
  })
  const inner = config.modelProvider ?? new Runner(config).config.modelProvider
  const runner = new Runner({
    ...config,
    ...(config.model === undefined || typeof config.model === "string" ? {} : { model: model(config.model) }),
    modelProvider: RecordedModel.provider(inner, provider, () => places.getStore()?.steps),
  })

  const decide = async (item: RunToolApprovalItem) => {
    const { rawItem } = item
    const toolCallId = "callId" in rawItem ? rawItem.callId : rawItem.id
    const toolName = item.name
    if (toolCallId === undefined || toolName === undefined || !isOwn(item.agent)) {
      throw new Executor.ExecutorError({
        code: "approval_within_call",
        message:
          `The agent ${item.agent.name} waits for an approval of ${toolName ?? rawItem.type} within the call of a tool, which has no step. ` +
          "Give needsApproval to asTool of that agent, or hand over to it.",
      })
    }
    const call = { toolCallId, toolName, input: RecordedAgent.inputOf(item.arguments) }
    const decision = await steps.approveCall(call)
    if (!decision.approved) await steps.refuse(toolCallId, declined(decision.reason))
    return { item, decision }
  }

  return {
    model,
    run: async (agent: RecordedAgent.AnyAgent, input?: string | ReadonlyArray<AgentInputItem>) => {
      const options = {
        stream: true as const,
        signal,
        ...(context === undefined ? {} : { context: context(claimed) }),
        ...(maxTurns === undefined ? {} : { maxTurns }),
      }
      const first = input ?? conversation
      try {
        let result = await runner.run(agentOf(agent), typeof first === "string" ? first : [...first], options)
        for (;;) {
          for await (const event of result) await settle(steps, event)
          await result.completed
          const { interruptions, state } = result
          if (interruptions.length === 0) return result.finalOutput
          for (const { decision, item } of await Promise.all(interruptions.map(decide))) {
            if (decision.approved) state.approve(item)
            else state.reject(item, { message: declined(decision.reason) })
          }
          result = await runner.run(agentOf(agent), state, options)
        }
      } catch (error) {
        throw unwrapped(error)
      }
    },
  }
}

/**
 * Runs a program that uses the SDK, with the answers and the calls of its agents as steps of the run.
 *
 * ```ts
 * export default (claimed: Run.ClaimedRun) =>
 *   OpenAIAgents.run(claimed, { sideEffects: { find_order: "pure" } }, async ({ run, steps }) => {
 *     const draft = await run(writer)
 *     if (await steps.approve("send", { message: "Send it?", about: draft })) await run(sender, draft)
 *   })
 * ```
 *
 * Fails: as `PromiseSteps.run`. An error of the model's server that another attempt may avoid ends the attempt, with the codes `model_unavailable`,
 * `model_rate_limited`, `model_timeout`, `model_unreachable` or `model_stream_broken`, and after the time that the server requests. Others are
 * `model_unauthorized`, `model_forbidden`, `model_not_found`, `model_request_refused`, `tool_not_recorded` and `approval_within_call`.
 */
export const run = <A>(
  claimed: Run.ClaimedRun,
  settings: Settings,
  program: (sdk: Sdk) => PromiseLike<A>,
): Effect.Effect<A, unknown, Needs> =>
  FrameworkSteps.run(claimed, places, async (steps, signal) => {
    const input = Messages.of(steps.messages, claimed.snapshot.context)
    const { model, run } = runOf(claimed, steps, signal, input, settings)
    return program({ steps, signal, input, model, run: run as Sdk["run"] })
  })

/**
 * A model for the code of a tool, such as that of an agent within it: its answers are steps within the call, so a worker that takes over
 * does not pay for them again. They are not shown. Outside of a run it is the model itself. An agent of `asTool` whose model is a
 * name needs it not.
 */
export const model = (model: Model, provider = "openai"): Model =>
  RecordedModel.make(model, { provider, model: "model" }, () => places.getStore()?.steps)

/**
 * The call whose tool runs, for a service that knows idempotency keys.
 *
 * ```ts
 * execute: ({ euros }) => pay(euros, { idempotencyKey: OpenAIAgents.currentCall()?.idempotencyKey })
 * ```
 */
export const currentCall = (): FrameworkSteps.CurrentCall | undefined => places.getStore()?.call

/**
 * An agent as a worker module, or as the function of `Executor.layerFrom`. It reads the conversation, shows its answers as they come, and
 * waits for a person where a tool has `needsApproval`.
 *
 * Fails: as `run`.
 */
export const agent =
  (agent: RecordedAgent.AnyAgent, settings: Settings = {}) =>
  (claimed: Run.ClaimedRun): Effect.Effect<void, unknown, Needs> =>
    run(claimed, settings, async ({ run }) => {
      await run(agent)
    })
