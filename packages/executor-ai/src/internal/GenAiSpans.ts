/**
 * Spans of requests to models and of calls of tools, by the conventions of OpenTelemetry for generative AI.
 *
 * `@effect/ai` makes its own spans, with other names and with the arguments of each call. They are replaced by these: what happens in
 * one of them is in ours, and of its attributes those of the conventions are copied.
 *
 * Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
 */
import type { Response } from "@effect/ai"
import { type Run, type TokenUsage } from "@runlease/core"
import { Tracing } from "@runlease/core/executor"
import { Effect, Option, Stream, Tracer } from "effect"
import * as Usage from "./Usage.js"

/** `model`: the name in the request, where it is available. `captures`: whether spans have the arguments of calls. */
export interface Options {
  readonly provider: string | undefined
  readonly model: string | undefined
  readonly captures: boolean
}

export interface GenAiSpans {
  /** A request to the model. Without a tracer, or with one that exports nothing, it has no span. */
  readonly chat: <A extends { readonly type: string }, E>(answer: Stream.Stream<A, E>) => Stream.Stream<A, E>

  /** The call of a tool. `args` returns what the span shows of the arguments. */
  readonly tool: (
    call: { readonly toolCallId: string; readonly toolName: string },
    args: () => unknown,
  ) => <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** A span in the place of another one: it has the ids of `span`, and its end is none of it. */
const shadowOf = (span: Tracer.Span, onAttribute: Tracer.Span["attribute"]): Tracer.Span => ({
  _tag: "Span",
  name: span.name,
  spanId: span.spanId,
  traceId: span.traceId,
  parent: span.parent,
  context: span.context,
  status: span.status,
  attributes: new Map(),
  links: [],
  sampled: span.sampled,
  kind: span.kind,
  end: () => {},
  attribute: onAttribute,
  event: (name, startTime, attributes) => span.event(name, startTime, attributes),
  addLinks: (links) => span.addLinks(links),
})

/** The tracer, in which the first span of a name is `span`. */
const replacing = (
  tracer: Tracer.Tracer,
  replaced: string,
  span: Tracer.Span,
  onAttribute: Tracer.Span["attribute"],
): Tracer.Tracer => {
  let isReplaced = false
  return Tracer.make({
    span: (name, parent, context, links, startTime, kind, options) => {
      if (name !== replaced || isReplaced) {
        return tracer.span(name, parent, context, links, startTime, kind, options)
      }
      isReplaced = true
      return shadowOf(span, onAttribute)
    },
    context: (run, fiber) => tracer.context(run, fiber),
  })
}

const withTracer = <A, E, R>(stream: Stream.Stream<A, E, R>, tracer: Tracer.Tracer): Stream.Stream<A, E, R> =>
  Stream.fromPull(
    Effect.map(Effect.withTracer(Stream.toPull(stream), tracer), (pull) => Effect.withTracer(pull, tracer)),
  )

const countNames: Readonly<Record<(typeof TokenUsage.counts)[number], string>> = {
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  cachedInputTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteInputTokens: "gen_ai.usage.cache_creation.input_tokens",
}

/** Takes what a part of an answer says of the answer. */
const observe = (span: Tracer.Span, part: { readonly type: string }): void => {
  if (part.type === "response-metadata") {
    const { id, modelId } = part as Response.ResponseMetadataPart
    if (Option.isSome(id)) span.attribute("gen_ai.response.id", id.value)
    if (Option.isSome(modelId)) span.attribute("gen_ai.response.model", modelId.value)
  }
  if (part.type !== "finish") return
  const { finishReason, ...step } = Usage.stepOf(undefined, part as Response.FinishPart)
  span.attribute("gen_ai.response.finish_reasons", [finishReason])
  for (const [field, name] of Object.entries(countNames)) {
    const count = step[field as keyof typeof countNames]
    if (count !== undefined) span.attribute(name, count)
  }
}

const isOfConventions = (name: string): boolean =>
  name.startsWith("gen_ai.") && !name.startsWith("gen_ai.usage.")

export const make = (
  { agentId, conversationId }: Pick<Run.ClaimedRun, "agentId" | "conversationId">,
  { captures, model, provider }: Options,
): GenAiSpans => {
  const common = { "gen_ai.conversation.id": conversationId, "gen_ai.agent.name": agentId }
  const requested = {
    ...common,
    "gen_ai.operation.name": "chat",
    // A server that speaks an API of OpenAI counts as OpenAI.
    ...(provider === undefined
      ? {}
      : { "gen_ai.provider.name": provider.replace(/^openai-chat$/, "openai") }),
    ...(model === undefined ? {} : { "gen_ai.request.model": model }),
  }
  return {
    chat: (answer) =>
      Stream.unwrapScoped(
        Effect.flatMap(Effect.tracer, (tracer) =>
          Tracing.hasReader(tracer)
            ? Effect.map(
                Effect.makeSpanScoped(model === undefined ? "chat" : `chat ${model}`, {
                  kind: "client",
                  captureStackTrace: false,
                  attributes: requested,
                }),
                (span) =>
                  withTracer(
                    answer,
                    replacing(tracer, "LanguageModel.streamText", span, (name, value) => {
                      if (isOfConventions(name)) span.attribute(name, value)
                    }),
                  ).pipe(
                    Stream.provideService(Tracer.ParentSpan, span),
                    Stream.mapChunks((parts) => {
                      for (const part of parts) observe(span, part)
                      return parts
                    }),
                  ),
              )
            : Effect.succeed(answer),
        ),
      ),

    tool:
      ({ toolCallId, toolName }, args) =>
      (call) =>
        Effect.tracerWith((tracer) =>
          Tracing.hasReader(tracer)
            ? Effect.useSpan(
                `execute_tool ${toolName}`,
                {
                  captureStackTrace: false,
                  attributes: {
                    ...common,
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": toolName,
                    "gen_ai.tool.type": "function",
                    "gen_ai.tool.call.id": toolCallId,
                    ...(captures ? { "gen_ai.tool.call.arguments": JSON.stringify(args()) } : {}),
                  },
                },
                (span) =>
                  call.pipe(
                    Effect.withTracer(replacing(tracer, "Toolkit.handle", span, () => {})),
                    Effect.withParentSpan(span),
                  ),
              )
            : call,
        ),
  }
}
