/**
 * A model whose answers are steps of the run. One that is streamed is shown as it comes; one that is not is shown by the program.
 *
 * Source: docs/decisions/0163-openai-agents.md
 */
import {
  type AgentOutputItem,
  type Model,
  type ModelProvider,
  type ModelRequest,
  type ModelResponse,
  type StreamEvent,
  Usage as ModelUsage,
} from "@openai/agents-core"
import type { FrameworkSteps } from "@runlease/core/executor"
import * as Failure from "./Failure.js"
import * as Failures from "./Failures.js"
import * as Items from "./Items.js"
import { places } from "./Places.js"
import * as Usage from "./Usage.js"

type Steps = FrameworkSteps.FrameworkSteps

/** What a report of usage has. */
export interface Named {
  readonly provider: string
  readonly model: string
}

type DoneResponse = Extract<StreamEvent, { readonly type: "response_done" }>["response"]

/** An answer as it is recorded. `text`: what its deltas had. */
interface Recorded {
  readonly response: DoneResponse
  readonly text: string
}

const finishReasonOf = (output: ReadonlyArray<AgentOutputItem>): string =>
  output.some(({ type }) => type === "function_call") ? "tool-calls" : "stop"

/** Sends a request. A refusal by the server closes its mark. */
const requested = async <A>(answer: FrameworkSteps.Answer, send: () => PromiseLike<A>): Promise<A> => {
  try {
    return await send()
  } catch (error) {
    if (Failure.isRefusal(error)) await answer.refused()
    throw Failure.ofRequest(error)
  }
}

/** Events that come from outside, as the SDK reads them. */
const openEvents = () => {
  const waiting: Array<StreamEvent> = []
  let end: { readonly error?: unknown } | undefined
  let wake: () => void = () => {}
  return {
    add: (event: StreamEvent): void => {
      waiting.push(event)
      wake()
    },
    end: (how: { readonly error?: unknown }): void => {
      end = how
      wake()
    },
    async *events(): AsyncGenerator<StreamEvent> {
      for (;;) {
        const event = waiting.shift()
        if (event !== undefined) yield event
        else if (end === undefined) await new Promise<void>((resolve) => void (wake = resolve))
        else if ("error" in end) throw end.error
        else return
      }
    },
  }
}

/** Reads an answer to its end, and stops with the attempt. The first event is the one with which the server accepts the request. */
async function* eventsOf(
  answer: FrameworkSteps.Answer,
  events: AsyncIterable<StreamEvent>,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
  const iterator = events[Symbol.asyncIterator]()
  let next = await requested(answer, () => iterator.next())
  try {
    while (next.done !== true) {
      yield next.value
      signal.throwIfAborted()
      next = await iterator.next()
    }
  } catch (error) {
    throw Failure.ofStream(error)
  } finally {
    // The code that reads has ended: the connection closes, whatever it says.
    await iterator.return?.().catch(() => {})
  }
}

/** The internals of a request, by which the SDK turns the retries of its client off: the next attempt is the retry. */
interface InternalRequest extends ModelRequest {
  readonly _internal?: object
}

const ofAttempt = ({ _internal, ...request }: InternalRequest, signal: AbortSignal): InternalRequest => ({
  ...request,
  _internal: { ..._internal, runnerManagedRetry: true },
  signal: request.signal === undefined ? signal : AbortSignal.any([request.signal, signal]),
})

async function* stream(
  steps: Steps,
  named: Named,
  model: Model,
  request: ModelRequest,
): AsyncGenerator<StreamEvent> {
  const out = openEvents()
  let isLive = false
  const place = places.getStore()
  const answered = steps.answer(true, async (answer, signal): Promise<Recorded> => {
    isLive = true
    const shower = Items.shower(answer)
    let name: string | undefined
    let text = ""
    let response: DoneResponse | undefined
    const events = model.getStreamedResponse(ofAttempt(request, signal))
    for await (const event of eventsOf(answer, events, signal)) {
      if (event.type === "model") name = Items.modelOf(event.event) ?? name
      if (event.type === "output_text_delta") text += event.delta
      await shower.event(event)
      if (event.type !== "response_done") {
        out.add(event)
        continue
      }
      // The SDK makes the calls of an answer as soon as it has it, and none may be made before the answer is recorded.
      const { providerData, ...rest } = event.response
      name ??= Items.modelOf(providerData)
      response = { ...rest, output: Items.recorded(rest.output, answer.callId) }
    }
    if (response === undefined) throw Failure.broken("it ended before it was complete")
    await shower.done(response.output)
    const { output, usage } = response
    await answer.usage(Usage.of(named.provider, name ?? named.model, usage), finishReasonOf(output))
    return { response, text }
  })
  const finish = ({ response, text }: Recorded): void => {
    if (!isLive) {
      out.add({ type: "response_started" })
      if (text !== "") out.add({ type: "output_text_delta", delta: text })
    }
    out.add({ type: "response_done", response })
    out.end({})
  }
  const fail = (error: unknown): void => {
    Failures.note(place, error)
    out.end({ error })
  }
  answered.then(finish, fail)
  yield* out.events()
}

const whole = async (
  steps: Steps,
  named: Named,
  model: Model,
  request: ModelRequest,
): Promise<ModelResponse> => {
  const place = places.getStore()
  const answered = steps.answer(false, async (answer, signal) => {
    const { output, providerData, requestId, responseId, usage } = await requested(answer, () =>
      model.getResponse(ofAttempt(request, signal)),
    )
    const name = Items.modelOf(providerData) ?? named.model
    await answer.usage(Usage.of(named.provider, name, usage), finishReasonOf(output))
    const { inputTokens, inputTokensDetails, outputTokens, outputTokensDetails, requests, totalTokens } =
      usage
    return {
      output: Items.recorded(output, answer.callId),
      usage: { inputTokens, inputTokensDetails, outputTokens, outputTokensDetails, requests, totalTokens },
      ...(responseId === undefined ? {} : { responseId }),
      ...(requestId === undefined ? {} : { requestId }),
    }
  })
  answered.catch((error: unknown) => Failures.note(place, error))
  const { usage, ...response } = await answered
  return { ...response, usage: new ModelUsage(usage) }
}

/** The models whose answers are steps. */
const recordedModels = new WeakSet<Model>()

/** `stepsOf` finds the run that the code belongs to. Without one the model is as it was. */
export const make = (model: Model, named: Named, stepsOf: () => Steps | undefined): Model => {
  if (recordedModels.has(model)) return model
  const made: Model = {
    ...(model.supportsPromptModelSelection === undefined
      ? {}
      : { supportsPromptModelSelection: model.supportsPromptModelSelection }),
    getResponse: (request) => {
      const steps = stepsOf()
      return steps === undefined ? model.getResponse(request) : whole(steps, named, model, request)
    },
    getStreamedResponse: (request) => {
      const steps = stepsOf()
      return steps === undefined ? model.getStreamedResponse(request) : stream(steps, named, model, request)
    },
  }
  recordedModels.add(made)
  return made
}

/** A provider whose models are those of `make`. */
export const provider = (
  inner: ModelProvider,
  name: string,
  stepsOf: () => Steps | undefined,
): ModelProvider => ({
  getModel: async (model) =>
    make(await inner.getModel(model), { provider: name, model: model ?? "default" }, stepsOf),
})
