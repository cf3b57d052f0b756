/**
 * A model whose answers are steps of the run. One that is streamed is shown as it comes; one that is generated is shown by the program.
 *
 * Source: docs/decisions/0164-adapters-of-frameworks.md
 */
import { AgentEvent } from "@runlease/core"
import type { FrameworkSteps } from "@runlease/core/executor"
import { gateway, type LanguageModel, type LanguageModelMiddleware, wrapLanguageModel } from "ai"
import * as Failure from "./Failure.js"
import * as Parts from "./Parts.js"
import * as Usage from "./Usage.js"

export type Model = ReturnType<typeof wrapLanguageModel>

type Steps = FrameworkSteps.FrameworkSteps

/** A call of the model, or what belongs to one, with the id that the call has in this run. */
const renamed = <Part>(part: Part, callId: (modelId: string) => string): Part =>
  typeof part === "object" && part !== null && "toolCallId" in part && typeof part.toolCallId === "string"
    ? { ...part, toolCallId: callId(part.toolCallId) }
    : part

const isOfInput = (part: Parts.StreamPart) =>
  part.type === "tool-input-start" || part.type === "tool-input-delta" || part.type === "tool-input-end"

/** What has been read of an answer. */
interface Reading {
  model: string
  /** The calls whose start the log has, and whether it has their arguments. */
  readonly started: Map<string, boolean>
}

/** Shows a part of an answer, and reports what it used. */
const show = async (
  part: Parts.StreamPart,
  answer: FrameworkSteps.Answer,
  reading: Reading,
  provider: string,
): Promise<void> => {
  switch (part.type) {
    case "text-delta":
      return answer.extend("text", part.id, part.delta)
    case "text-end":
      return answer.end("text", part.id)
    case "reasoning-delta":
      return answer.extend("reasoning", part.id, part.delta)
    case "reasoning-end":
      return answer.end("reasoning", part.id)
    case "tool-input-start":
      reading.started.set(part.id, false)
      return answer.startCall(part.id, part.toolName)
    case "tool-input-delta":
      if (part.delta !== "") reading.started.set(part.id, true)
      return answer.extendCall(part.id, part.delta)
    case "tool-call": {
      const { input, toolCallId, toolName } = part
      const hasInput = reading.started.get(toolCallId)
      if (hasInput === undefined) await answer.startCall(toolCallId, toolName)
      if (hasInput !== true) await answer.extendCall(toolCallId, input)
      return answer.endCall(toolCallId)
    }
    case "tool-result":
      return part.preliminary === true
        ? undefined
        : answer.result(part.toolCallId, part.result, part.isError === true)
    case "source":
      return answer.show(
        AgentEvent.reserved("runlease.source", {
          id: part.id,
          title: part.title,
          ...(part.sourceType === "url" ? { url: part.url } : { mediaType: part.mediaType }),
        }),
      )
    case "response-metadata":
      reading.model = part.modelId ?? reading.model
      return
    case "finish":
      return answer.usage(Usage.of(provider, reading.model, part.usage), part.finishReason.unified)
  }
}

/** Sends a request. A refusal by the server closes its mark. */
const requested = async <A>(answer: FrameworkSteps.Answer, send: () => PromiseLike<A>): Promise<A> => {
  try {
    return await send()
  } catch (error) {
    if (Failure.isRefusal(error)) await answer.refused()
    throw Failure.ofRequest(error)
  }
}

/** A part with the ids that its call has in this run. */
const withCallIds = (part: Parts.StreamPart, answer: FrameworkSteps.Answer): Parts.StreamPart =>
  isOfInput(part) ? { ...part, id: answer.callId(part.id) } : renamed(part, answer.callId)

/** Reads a stream to its end, and stops with the attempt. */
async function* partsOf(
  stream: ReadableStream<Parts.StreamPart>,
  signal: AbortSignal,
): AsyncGenerator<Parts.StreamPart> {
  const reader = stream.getReader()
  const stop = () => void reader.cancel(signal.reason).catch(() => {})
  signal.addEventListener("abort", stop, { once: true })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } catch (error) {
    throw Failure.ofStream(error)
  } finally {
    signal.removeEventListener("abort", stop)
    reader.releaseLock()
  }
}

/** A stream that gets its parts from outside. */
const openStream = () => {
  let controller!: ReadableStreamDefaultController<Parts.StreamPart>
  let open = true
  const stream = new ReadableStream<Parts.StreamPart>({
    start: (own) => void (controller = own),
    cancel: () => void (open = false),
  })
  const unlessCancelled = (act: () => void): void => {
    if (open) act()
  }
  return {
    stream,
    add: (part: Parts.StreamPart) => unlessCancelled(() => controller.enqueue(part)),
    close: () => unlessCancelled(() => controller.close()),
    fail: (error: unknown) => unlessCancelled(() => controller.error(error)),
  }
}

/** Why an answer is not whole; undefined where it is. */
const problemOf = (parts: ReadonlyArray<Parts.StreamPart>): unknown => {
  const finish = parts.findLast((part) => part.type === "finish")
  if (finish === undefined) return Failure.broken("it ended before it was complete")
  const { raw, unified } = finish.finishReason
  return unified === "error" || unified === "interrupted"
    ? Failure.broken(`it ended with ${raw ?? unified}`)
    : undefined
}

const stream = (
  steps: Steps,
  provider: string,
  modelId: string,
  doStream: () => PromiseLike<Parts.StreamResult>,
): Promise<Parts.StreamResult> =>
  new Promise((resolve, reject) => {
    const out = openStream()
    let isLive = false
    const withheld: Array<Parts.StreamPart> = []
    const answered = steps.answer(true, async (answer, signal) => {
      const { stream, ...about } = await requested(answer, doStream)
      isLive = true
      resolve({ ...about, stream: out.stream })
      const reading: Reading = { model: modelId, started: new Map() }
      const { add, parts } = Parts.collector()
      for await (const part of partsOf(stream, signal)) {
        if (part.type === "error") throw Failure.ofStream(part.error)
        const own = withCallIds(part, answer)
        add(own)
        await show(own, answer, reading, provider)
        // The SDK makes a call as soon as it has it, and none may be made before its answer is recorded.
        if (withheld.length > 0 || own.type === "tool-call" || own.type === "finish") withheld.push(own)
        else out.add(own)
      }
      const problem = problemOf(parts())
      if (problem !== undefined) throw problem
      return Parts.toJson(parts()) as Array<Parts.StreamPart>
    })
    const finish = (parts: ReadonlyArray<Parts.StreamPart>): void => {
      for (const part of isLive ? withheld : parts) out.add(Parts.fromJson(part))
      out.close()
      if (!isLive) resolve({ stream: out.stream })
    }
    const fail = (error: unknown): void => (isLive ? out.fail(error) : reject(error))
    answered.then(finish, fail)
  })

const generate = async (
  steps: Steps,
  provider: string,
  modelId: string,
  doGenerate: () => PromiseLike<Parts.GenerateResult>,
): Promise<Parts.GenerateResult> => {
  const result = await steps.answer(false, async (answer) => {
    const { request: _request, response, ...rest } = await requested(answer, doGenerate)
    const { finishReason, usage } = rest
    await answer.usage(Usage.of(provider, response?.modelId ?? modelId, usage), finishReason.unified)
    const { body: _body, ...about } = response ?? {}
    const content = rest.content.map((part) => renamed(part, answer.callId))
    return Parts.toJson({ ...rest, content, response: about }) as Parts.GenerateResult
  })
  return result.response === undefined ? result : { ...result, response: Parts.fromJson(result.response) }
}

/** The model of a name, as the SDK finds it. */
const resolved = (model: LanguageModel): Exclude<LanguageModel, string> =>
  typeof model === "string" ? (globalThis.AI_SDK_DEFAULT_PROVIDER ?? gateway).languageModel(model) : model

/** Marks a model whose answers are steps already. */
const recorded = Symbol("@runlease/ai-sdk/RecordedModel")

const isRecorded = (model: LanguageModel): model is Model => typeof model === "object" && recorded in model

/** `stepsOf` finds the run that the code belongs to. Without one the model is as it was. */
export const make = (model: LanguageModel, stepsOf: () => Steps | undefined): Model => {
  if (isRecorded(model)) return model
  const middleware: LanguageModelMiddleware = {
    specificationVersion: "v4",
    wrapGenerate: ({ doGenerate, model: { modelId, provider } }) => {
      const steps = stepsOf()
      return steps === undefined ? doGenerate() : generate(steps, provider, modelId, doGenerate)
    },
    wrapStream: ({ doStream, model: { modelId, provider } }) => {
      const steps = stepsOf()
      return steps === undefined ? doStream() : stream(steps, provider, modelId, doStream)
    },
  }
  return Object.assign(wrapLanguageModel({ model: resolved(model), middleware }), { [recorded]: true })
}
