/** The context of an executor: the ports of its run and the services of its layer. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Executor from "@runlease/core/Executor"
import { AgentId } from "@runlease/core/Ids"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import * as Worker from "@runlease/core/Worker"
import { Context, Deferred, Effect, Layer, Option, Tracer } from "effect"
import * as MemoryControlPlane from "../src/memory/MemoryControlPlane.js"

class Greeting extends Context.Tag("Greeting")<Greeting, string>() {}

interface Observation {
  readonly status: string
  readonly greeting: string
  readonly parent: string | undefined
}

/** The context of an executor whose layer was built with `agentNeeds`, in a worker over a control plane of its own. */
const observe = (
  agentNeeds: Layer.Layer<Greeting>,
  traceContext?: RequestSnapshot.RequestSnapshot["traceContext"],
) =>
  Effect.gen(function* () {
    const observed = yield* Deferred.make<Observation, unknown>()
    const agent = Executor.layerFrom((run) =>
      Effect.gen(function* () {
        const runs = yield* Runs
        const { status } = yield* runs.get(run.runId)
        const span = yield* Effect.option(Effect.currentParentSpan)
        return {
          status,
          greeting: yield* Greeting,
          parent: Option.getOrUndefined(
            Option.map(span, (parent) => ("name" in parent ? parent.name : parent.spanId)),
          ),
        }
      }).pipe(Effect.intoDeferred(observed), Effect.asVoid),
    )
    const submitted = Effect.gen(function* () {
      const runs = yield* Runs
      yield* runs.submit({
        agentId: AgentId.make("echo"),
        snapshot: { ...RequestSnapshot.fromText("hi"), traceContext },
      })
      return yield* Deferred.await(observed)
    })
    return yield* Worker.run().pipe(
      Effect.race(submitted),
      Effect.provide([Layer.provide(agent, agentNeeds), MemoryControlPlane.layer]),
      Effect.provideService(Greeting, "the program's"),
    )
  })

/** Runs the effect with a tracer of its own, whose spans are those of Effect's default tracer. */
const traced = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.tracer, (native) =>
    Effect.withTracer(
      effect,
      Tracer.make({
        span: (...args) => native.span(...args),
        context: (body, fiber) => native.context(body, fiber),
      }),
    ),
  )

const expected: Observation = { status: "running", greeting: "the layer's", parent: "attempt echo" }

describe("the context of an executor", () => {
  it.live("has the ports of the run, and the services of the layer", () =>
    Effect.gen(function* () {
      deepStrictEqual(yield* traced(observe(Layer.succeed(Greeting, "the layer's"))), expected)
    }),
  )

  it.live("has the ports of the run also where the layer was built over another control plane", () =>
    Effect.gen(function* () {
      const elsewhere = Layer.merge(
        Layer.succeed(Greeting, "the layer's"),
        Layer.fresh(MemoryControlPlane.layer),
      )
      strictEqual((yield* observe(elsewhere)).status, "running")
      deepStrictEqual(yield* traced(Effect.withSpan(observe(elsewhere), "built here")), expected)
    }),
  )

  it.live("has no span of the run where no tracer is there", () =>
    Effect.gen(function* () {
      const { parent } = yield* observe(Layer.succeed(Greeting, "the layer's"))
      strictEqual(parent, undefined)
    }),
  )

  it.live("is in the submitter's own span without a tracer, when it sent a trace context", () =>
    Effect.gen(function* () {
      const { parent } = yield* observe(Layer.succeed(Greeting, "the layer's"), {
        traceId: "0af7651916cd43dd8448eb211c80319c",
        spanId: "b7ad6b7169203331",
        traceFlags: 1,
      })
      strictEqual(parent, "b7ad6b7169203331")
    }),
  )
})
