import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as ControlPlane from "@runlease/core/ControlPlane"
import { Context, Effect, Option, Tracer } from "effect"
import * as MemoryControlPlane from "../src/memory/MemoryControlPlane.js"

/** The name of the span that the method `ready` of a store runs in, where it runs in one. */
const spanOfReady = Effect.gen(function* () {
  const store = yield* MemoryControlPlane.make
  const spans: Array<string | undefined> = []
  const note = Effect.map(
    Effect.option(Effect.currentSpan),
    (span) => void spans.push(Option.getOrUndefined(span)?.name),
  )
  const { ready } = Context.get(
    ControlPlane.traced(
      Context.add(store, ControlPlane.ControlPlane, {
        ...Context.get(store, ControlPlane.ControlPlane),
        ready: note,
      }),
    ),
    ControlPlane.ControlPlane,
  )
  yield* ready
  return spans
})

it.scoped("a method of a port has no span where no tracer is there", () =>
  Effect.map(spanOfReady, (spans) => deepStrictEqual(spans, [undefined])),
)

it.scoped("a method of a port leaves the span of its caller as it is where no tracer is there", () =>
  Effect.map(Effect.withSpan(spanOfReady, "caller"), (spans) => deepStrictEqual(spans, ["caller"])),
)

it.scoped("a method of a port has a span where a tracer is there", () =>
  Effect.gen(function* () {
    const native = yield* Effect.tracer
    const tracer = Tracer.make({
      span: (...args) => native.span(...args),
      context: (body, fiber) => native.context(body, fiber),
    })
    deepStrictEqual(yield* Effect.withTracer(spanOfReady, tracer), ["ControlPlane.ready"])
  }),
)
