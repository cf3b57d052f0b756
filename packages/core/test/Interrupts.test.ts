import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Cause, Chunk, Effect, Exit, Option, Redacted, Schema, Stream } from "effect"
import { expectTypeOf } from "vitest"
import * as Executor from "../src/executor/Executor.js"
import * as Interrupts from "../src/executor/Interrupts.js"
import type { ClaimedRun } from "../src/model/Run.js"
import { claimed } from "./claimed.js"

const asking = Executor.from(() => Interrupts.ask("q", { message: "Well?" }))

const collect = (run: ClaimedRun, execute = asking) =>
  Effect.map(Stream.runCollect(Executor.toStream(execute)(run)), Chunk.toReadonlyArray)

/** The interrupts that the question waits for. */
const interruptsOf = (question: ReturnType<typeof Interrupts.approve>) =>
  Effect.map(
    Effect.flip(
      collect(
        claimed(),
        Executor.from(() => Effect.asVoid(question)),
      ),
    ),
    (failure) => (failure._tag === "AwaitAnswers" ? failure.interrupts : []),
  )

describe("a question without a worker", () => {
  it.effect("fails with what it waits for, since nothing can suspend the run", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(collect(claimed()))
      strictEqual(failure._tag, "AwaitAnswers")
      deepStrictEqual(failure._tag === "AwaitAnswers" && failure.interrupts, [
        { id: "q", reason: "input_required", message: "Well?", responseSchema: { type: "string" } },
      ])
    }),
  )

  it.effect("has its answer where the run brings one", () =>
    Effect.gen(function* () {
      const { snapshot } = claimed()
      const resume = [{ interruptId: "q", status: "resolved", payload: "yes" }] as const
      const events = yield* collect(claimed({ snapshot: { ...snapshot, resume } }))
      strictEqual(events[1]?.["delta"], "yes")
    }),
  )

  it.effect("has a secret as Redacted, whose schema says that it is one", () =>
    Effect.gen(function* () {
      const schema = Schema.Struct({ user: Schema.String, pin: Interrupts.secret({ title: "Your PIN" }) })
      const account = Interrupts.ask("q", { message: "Well?", schema })
      const [interrupt] = yield* interruptsOf(
        account.pipe(
          Effect.as(false),
          Effect.catchAll((error) =>
            error._tag === "Declined" ? Effect.succeed(false) : Effect.fail(error),
          ),
        ),
      )
      deepStrictEqual(interrupt?.responseSchema?.["properties"], {
        user: { type: "string" },
        pin: { type: "string", format: "password", writeOnly: true, title: "Your PIN" },
      })
      const { snapshot } = claimed()
      const payload = { user: "ada", pin: "1234" }
      const resume = [{ interruptId: "q", status: "resolved", payload }] as const
      const execute = Executor.from(() =>
        Effect.map(account, ({ pin }) => `${String(pin)} ${Redacted.value(pin)}`),
      )
      const events = yield* collect(claimed({ snapshot: { ...snapshot, resume } }), execute)
      strictEqual(events[1]?.["delta"], "<redacted> 1234")
    }),
  )

  it.effect("has an id that is no other question's, whatever its name is", () =>
    Effect.gen(function* () {
      for (const name of ["", "q~2", "q:1", "n".repeat(300), "budget-1"]) {
        const [interrupt] = yield* interruptsOf(Interrupts.approve(name, { message: "Well?" }))
        strictEqual(interrupt!.id.slice(0, -8), `${name.slice(0, 200)}:`)
      }
    }),
  )

  it.effect("has no JSON Schema where its schema has none", () =>
    Effect.gen(function* () {
      const [interrupt] = yield* interruptsOf(
        Effect.map(
          Interrupts.ask("q", { message: "Well?", schema: Schema.instanceOf(Date) }),
          () => true,
        ).pipe(Effect.catchTag("Declined", () => Effect.succeed(false))),
      )
      strictEqual(Object.hasOwn(interrupt!, "responseSchema"), false)
    }),
  )

  it.effect("dies of what it is about when that cannot be JSON, without a value", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(interruptsOf(Interrupts.approve("q", { message: "Well?", about: 1n })))
      const defect = Exit.isFailure(exit) ? Option.getOrNull(Cause.dieOption(exit.cause)) : null
      strictEqual(defect instanceof Error && defect.message, "What the question q is about cannot be JSON")
    }),
  )
})

describe("the answers of questions", () => {
  it("have the types of the schemas", () => {
    const all = Interrupts.askAll({
      name: { message: "Who?" },
      size: { message: "How large?", schema: Schema.Int },
      when: { message: "When?", schema: Schema.Date, about: { days: 3 } },
    })
    expectTypeOf<Effect.Effect.Success<typeof all>>().toEqualTypeOf<{
      readonly name: string
      readonly size: number
      readonly when: Date
    }>()
    const text = Interrupts.ask("name", { message: "Who?" })
    expectTypeOf<Effect.Effect.Success<typeof text>>().toEqualTypeOf<string>()
    const when = Interrupts.ask("when", { message: "When?", schema: Schema.Date })
    expectTypeOf<Effect.Effect.Success<typeof when>>().toEqualTypeOf<Date>()
    expectTypeOf<Effect.Effect.Error<typeof when>>().toEqualTypeOf<
      Interrupts.NotAnswered | Interrupts.Declined
    >()
    const refund = Interrupts.approve("refund", {
      message: "Refund?",
      about: { until: new Date(0) },
      editable: Schema.Struct({ until: Schema.Date }),
    })
    expectTypeOf<Effect.Effect.Success<typeof refund>>().toEqualTypeOf<
      Interrupts.Approval<{ readonly until: Date }>
    >()
    const plain = Interrupts.approve("deploy", { message: "Deploy?", about: { to: "production" } })
    expectTypeOf<Effect.Effect.Success<typeof plain>>().toEqualTypeOf<boolean>()
    // @ts-expect-error -- what may be edited is what the question is about
    Interrupts.approve("deploy", { message: "Deploy?", about: { to: 1 }, editable: Schema.String })
    // @ts-expect-error -- a question has a message
    Interrupts.approve("deploy", {})
  })
})
