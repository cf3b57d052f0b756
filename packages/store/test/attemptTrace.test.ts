/** The spans of attempts, by a tracer that takes ids and by one that does not. */
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Executor from "@runlease/core/Executor"
import { ExecutorError } from "@runlease/core/Executor"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import * as SpanIds from "@runlease/core/SpanIds"
import * as Worker from "@runlease/core/Worker"
import { Effect, Option, Stream, Tracer } from "effect"
import * as MemoryControlPlane from "../src/memory/MemoryControlPlane.js"

const traceContext = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: 1,
}

/** A tracer that collects the spans it is asked for, with the ids that they have in the end. */
const collecting = (spans: Array<Tracer.Span>) =>
  Effect.map(Effect.tracer, (native) =>
    Tracer.make({
      span: (...args) => {
        const span = native.span(...args)
        spans.push(span)
        return span
      },
      context: (body, fiber) => native.context(body, fiber),
    }),
  )

/** The spans of the attempts of a run whose first two attempts fail. */
const attemptsOf = (
  wrap: (tracer: Tracer.Tracer) => Tracer.Tracer,
  given?: RequestSnapshot.RequestSnapshot["traceContext"],
) =>
  Effect.gen(function* () {
    const spans: Array<Tracer.Span> = []
    const tracer = wrap(yield* collecting(spans))
    const agent = Executor.layerFrom((run) =>
      run.attempt < 3
        ? Effect.fail(new ExecutorError({ code: "again", message: "not yet", retryable: true }))
        : Effect.void,
    )
    yield* Effect.gen(function* () {
      const runs = yield* Runs
      yield* runs.submit({
        agentId: "flaky",
        snapshot: { ...RequestSnapshot.empty, ...(given && { traceContext: given }) },
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const worker = yield* Worker.make({ retryDelay: () => 0 })
          yield* Stream.runHead(Stream.filter(worker.events, ({ _tag }) => _tag === "Ended"))
        }),
      )
    }).pipe(Effect.withTracer(tracer), Effect.provide([agent, MemoryControlPlane.layer]))
    return {
      attempts: spans.filter(({ name }) => name === "attempt flaky"),
      submit: spans.find(({ name }) => name === "Runs.submit"),
    }
  })

const parentOf = ({ parent }: Tracer.Span) => Option.getOrUndefined(parent)?.spanId

it.live("each attempt is below the submitter's span, and has links to those before it", () =>
  Effect.gen(function* () {
    const { attempts } = yield* attemptsOf(SpanIds.withSpanIds, traceContext)
    deepStrictEqual(attempts.map(parentOf), Array(3).fill(traceContext.spanId))
    deepStrictEqual(
      attempts.map(({ traceId }) => traceId),
      Array(3).fill(traceContext.traceId),
    )
    const ids = attempts.map(({ spanId }) => spanId)
    strictEqual(new Set(ids).size, 3)
    deepStrictEqual(
      attempts.map(({ links }) => links.map(({ span }) => span.spanId)),
      [[], [ids[0]], [ids[1], ids[0]]],
    )
    deepStrictEqual(
      attempts.map(({ attributes }) => [
        attributes.get("runlease.attempt"),
        attributes.get("runlease.outcome"),
      ]),
      [
        [1, "retrying"],
        [2, "retrying"],
        [3, "completed"],
      ],
    )
    deepStrictEqual(
      attempts.map(({ status }) => status._tag === "Ended" && status.exit._tag),
      ["Failure", "Failure", "Success"],
    )
  }),
)

it.live("a run that is submitted in a span is below it", () =>
  Effect.gen(function* () {
    const { attempts, submit } = yield* attemptsOf(SpanIds.withSpanIds)
    deepStrictEqual(attempts.map(parentOf), Array(3).fill(submit?.spanId))
  }),
)

it.live("an attempt has no links by a tracer that chooses the ids of its spans", () =>
  Effect.gen(function* () {
    const { attempts } = yield* attemptsOf((tracer) => tracer, traceContext)
    deepStrictEqual(
      attempts.map(({ links }) => links.length),
      [0, 0, 0],
    )
    deepStrictEqual(attempts.map(parentOf), Array(3).fill(traceContext.spanId))
  }),
)

it.live("nothing is recorded of a trace that its submitter does not sample", () =>
  Effect.gen(function* () {
    const { attempts } = yield* attemptsOf(SpanIds.withSpanIds, { ...traceContext, traceFlags: 0 })
    deepStrictEqual(attempts, [])
  }),
)
