/** One request to a model, with the limits on its answer. */
import { type AiError, type LanguageModel, Prompt, type Tool, type Toolkit } from "@effect/ai"
import type { AgentEvent, Executor } from "@runlease/core"
import { Cause, Chunk, type Duration, Effect, Option, Stream } from "effect"
import type { Answer } from "./Answer.js"
import * as Failure from "./Failure.js"
import type { GenAiSpans } from "./GenAiSpans.js"

export interface Options {
  readonly model: LanguageModel.Service
  readonly messages: ReadonlyArray<Prompt.Message>
  readonly toolkit: Toolkit.WithHandler<Record<string, Tool.Any>> | undefined
  readonly idleTimeout: Duration.Duration
  readonly spans: GenAiSpans
}

/** Sends the request and streams the events of the answer, which `answer` reads. */
export const send = (
  { idleTimeout, messages, model, spans, toolkit }: Options,
  answer: Answer,
): Stream.Stream<AgentEvent.AgentEvent, AiError.AiError | Executor.ExecutorError> => {
  const prompt = Prompt.fromMessages(messages)
  const parts =
    toolkit === undefined
      ? model.streamText({ prompt })
      : model.streamText({ prompt, toolkit, disableToolCallResolution: true })
  return spans.chat(parts).pipe(
    // The module of a provider dies of some answers that it does not understand.
    Stream.catchSomeCause((cause) =>
      Option.map(Cause.dieOption(cause), (defect) => Stream.fail(Failure.ofDefect(defect))),
    ),
    Stream.timeoutFail(() => Failure.timedOut(idleTimeout), idleTimeout),
    Stream.mapChunksEffect((chunk) => {
      if (Chunk.some(chunk, (part) => "delta" in part && part.delta.length > Failure.maxPart)) {
        return Effect.fail(Failure.tooLarge)
      }
      const events = Chunk.flatMap(chunk, (part) => Chunk.unsafeFromArray([...answer.read(part)]))
      const error = answer.error()
      return error === undefined ? Effect.succeed(events) : Effect.fail(Failure.ofErrorPart(error.error))
    }),
  )
}
