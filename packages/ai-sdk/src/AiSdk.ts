/**
 * Agents of the AI SDK in a worker.
 *
 * ```ts
 * export default AiSdk.agent({
 *   model: openai("gpt-5"),
 *   instructions: "You help at an order desk.",
 *   tools: { find_order, refund },
 *   toolApproval: { refund: "user-approval" },
 *   sideEffects: { find_order: "pure" },
 * })
 * ```
 *
 * Each answer of the model is a step of the run, and is shown as it comes. Each call of a tool is a step, and each approval a question. A worker that
 * takes the run over begins the agent anew: it gets what is recorded, and requests an answer that broke off once more.
 *
 * Source: docs/decisions/0164-adapters-of-frameworks.md
 */
import type { PromiseSteps, Run, RunLog, Runs } from "@runlease/core"
import { FrameworkSteps } from "@runlease/core/executor"
import {
  type Instructions,
  type LanguageModel,
  type ModelMessage,
  type SystemModelMessage,
  type TextStreamPart,
  ToolLoopAgent,
  type ToolLoopAgentSettings,
  type ToolSet,
} from "ai"
import type { Effect } from "effect"
import * as Messages from "./internal/Messages.js"
import { places } from "./internal/Places.js"
import * as RecordedModel from "./internal/RecordedModel.js"
import * as RecordedTools from "./internal/RecordedTools.js"

export type { Model } from "./internal/RecordedModel.js"
export type { SideEffects } from "./internal/RecordedTools.js"

/** A run, for a program that uses the SDK. */
export interface Sdk {
  /** The steps and the questions of the run. */
  readonly steps: PromiseSteps.PromiseSteps

  /** It is aborted when the attempt ends early: pass it on as `abortSignal`. */
  readonly signal: AbortSignal

  /** The conversation, without what this run has written. */
  readonly messages: ReadonlyArray<ModelMessage>

  /** The model with its answers as steps. Those of `streamText` are shown as they come, those of `generateText` are not. */
  readonly model: (model: LanguageModel) => RecordedModel.Model

  /** The tools with their calls as steps. A tool without a side effect that is named is `atMostOnce`. */
  readonly tools: <Tools extends ToolSet>(
    tools: Tools,
    sideEffects?: RecordedTools.SideEffects<Tools>,
  ) => Tools

  /**
   * Reads the stream of `streamText` or of an agent to its end, and returns the responses to its requests for approval, as the content of
   * the next message of the tool. The run waits for them without a worker. None where the agent has ended.
   */
  readonly approvals: (parts: AsyncIterable<TextStreamPart<ToolSet>>) => Promise<ReadonlyArray<Approval>>
}

export type Approval = Extract<
  Extract<ModelMessage, { readonly role: "tool" }>["content"][number],
  { readonly type: "tool-approval-response" }
>

/** What a program needs of its run. The worker provides it. */
export type Needs = PromiseSteps.Needs | RunLog.RunLog | Runs.Runs

/** The text of an error for the model, as the SDK has it. */
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The result of a call that is not approved. */
const declined = (reason: string | undefined): string =>
  reason === undefined
    ? "This call was not approved, so it was not made."
    : `This call was not approved, so it was not made. The reason: ${reason}`

type Request = Extract<TextStreamPart<ToolSet>, { readonly type: "tool-approval-request" }>

const approvalsOf =
  (steps: FrameworkSteps.FrameworkSteps): Sdk["approvals"] =>
  async (parts) => {
    const requests: Array<Request> = []
    for await (const part of parts) {
      if (part.type === "error") throw part.error
      if (part.type === "tool-approval-request" && part.isAutomatic !== true) requests.push(part)
      if (part.type === "tool-error") await steps.refuse(part.toolCallId, messageOf(part.error))
      if (part.type === "tool-output-denied") await steps.refuse(part.toolCallId, declined(undefined))
    }
    return Promise.all(
      requests.map(async ({ approvalId, toolCall }) => {
        const { input, toolCallId, toolName } = toolCall
        const decision = await steps.approveCall({ toolCallId, toolName, input })
        if (!decision.approved) await steps.refuse(toolCallId, declined(decision.reason))
        return { type: "tool-approval-response" as const, approvalId, ...decision }
      }),
    )
  }

/**
 * Runs a program that uses the SDK, with its answers and calls as steps of the run.
 *
 * ```ts
 * export default (claimed: Run.ClaimedRun) =>
 *   AiSdk.run(claimed, async ({ messages, model, signal }) => {
 *     const result = streamText({ model: model(openai("gpt-5")), messages: [...messages], abortSignal: signal })
 *     await result.consumeStream()
 *   })
 * ```
 *
 * Fails: as `PromiseSteps.run`. An error of the model's server that another attempt may avoid ends the attempt, with the codes `model_unavailable`,
 * `model_rate_limited`, `model_timeout`, `model_unreachable` or `model_stream_broken`, and after the time that the server requests. Others are
 * `model_unauthorized`, `model_forbidden`, `model_not_found` and `model_request_refused`.
 */
export const run = <A>(
  claimed: Run.ClaimedRun,
  program: (sdk: Sdk) => PromiseLike<A>,
): Effect.Effect<A, unknown, Needs> =>
  FrameworkSteps.run(claimed, places, (steps, signal) =>
    program({
      steps,
      signal,
      messages: Messages.of(steps.messages),
      model: (model) => RecordedModel.make(model, () => steps),
      tools: (tools, sideEffects = {}) => RecordedTools.make(tools, sideEffects, () => steps),
      approvals: approvalsOf(steps),
    }),
  )

/**
 * A model for the code of a tool, such as an agent within it: its answers are steps within the call, so a worker that takes over
 * does not pay for them again. They are not shown. Outside of a run it is the model itself.
 */
export const model = (model: LanguageModel): RecordedModel.Model =>
  RecordedModel.make(model, () => places.getStore()?.steps)

/**
 * The call whose tool runs, for a service that knows idempotency keys.
 *
 * ```ts
 * execute: ({ euros }) => pay(euros, { idempotencyKey: AiSdk.currentCall()?.idempotencyKey })
 * ```
 */
export const currentCall = (): FrameworkSteps.CurrentCall | undefined => places.getStore()?.call

/** The settings of a `ToolLoopAgent`, and the side effects of its tools. */
export interface AgentOptions<Tools extends ToolSet> {
  /** `pure`, `idempotent` or `atMostOnce`, by the name of the tool. Default: `atMostOnce`. */
  readonly sideEffects?: RecordedTools.SideEffects<Tools>
}

const withInstructions = (
  instructions: Instructions | undefined,
  further: ReadonlyArray<string>,
): Instructions | undefined => {
  if (further.length === 0) return instructions
  const own =
    instructions === undefined
      ? []
      : typeof instructions === "string"
        ? [{ role: "system" as const, content: instructions }]
        : Array.isArray(instructions)
          ? instructions
          : [instructions]
  return [...own, ...further.map((content): SystemModelMessage => ({ role: "system", content }))]
}

/**
 * A `ToolLoopAgent` as a worker module, or as the function of `Executor.layerFrom`. It reads the conversation, shows its answers as they
 * come, and waits for a person where `toolApproval` says so.
 *
 * Fails: as `run`.
 */
export const agent =
  <Tools extends ToolSet>({
    sideEffects = {},
    ...settings
  }: ToolLoopAgentSettings<never, Tools> & AgentOptions<Tools>) =>
  (claimed: Run.ClaimedRun): Effect.Effect<void, unknown, Needs> =>
    run(claimed, async ({ approvals, messages: before, model, signal, tools }) => {
      const { instructions, prepareStep } = settings
      const recorded: unknown = {
        ...settings,
        instructions: withInstructions(instructions, Messages.instructionsOf(claimed.snapshot)),
        model: model(settings.model),
        ...(settings.tools === undefined ? {} : { tools: tools(settings.tools, sideEffects) }),
        ...(prepareStep === undefined
          ? {}
          : {
              prepareStep: async (options: Parameters<typeof prepareStep>[0]) => {
                const prepared = await prepareStep(options)
                return prepared?.model === undefined
                  ? prepared
                  : { ...prepared, model: model(prepared.model) }
              },
            }),
      }
      const loop = new ToolLoopAgent(recorded as ToolLoopAgentSettings<never, Tools>)
      const messages = [...before]
      for (;;) {
        const result = await loop.stream({ messages, abortSignal: signal } as Parameters<
          typeof loop.stream
        >[0])
        const responses = await approvals(result.stream as AsyncIterable<TextStreamPart<ToolSet>>)
        if (responses.length === 0) return
        messages.push(...(await result.responseMessages), { role: "tool", content: [...responses] })
      }
    })
