/**
 * The workflows of the tests of the engine in `@effect/cluster`.
 *
 * Source: https://github.com/Effect-TS/effect, packages/cluster/test/ClusterWorkflowEngine.test.ts, MIT
 */
import { Activity, DurableClock, DurableDeferred, Workflow, WorkflowEngine } from "@effect/workflow"
import { assertTrue } from "@effect/vitest/utils"
import { Cause, Context, DateTime, Duration, Effect, Layer, Schema } from "effect"

const { WorkflowInstance } = WorkflowEngine

/** What a workflow has done, in this process. */
export class Flags extends Context.Tag("test/Flags")<Flags, Map<string, unknown>>() {
  static readonly layer = Layer.sync(Flags, () => new Map())
}

/** Counts how often code runs. */
export const count = (name: string) =>
  Effect.map(Flags, (flags) => {
    const next = Number(flags.get(name) ?? 0) + 1
    flags.set(name, next)
    return next
  })

const set = (name: string, value: unknown = true) => Effect.map(Flags, (flags) => void flags.set(name, value))

const payload = { id: Schema.String }
const idempotencyKey = ({ id }: { readonly id: string }) => id

const finalizer = Effect.flatMap(Flags, (flags) =>
  Effect.addFinalizer(() => Effect.sync(() => flags.set("finalizer", true))),
)

export class SendEmailError extends Schema.TaggedError<SendEmailError>("SendEmailError")("SendEmailError", {
  message: Schema.String,
}) {}

export const EmailWorkflow = Workflow.make({
  name: "EmailWorkflow",
  payload: { to: Schema.String, id: Schema.String },
  error: SendEmailError,
  idempotencyKey,
})

export const EmailTrigger = DurableDeferred.make("EmailTrigger", { success: Schema.String })

const email = EmailWorkflow.toLayer(({ id, to }) =>
  Effect.gen(function* () {
    yield* finalizer
    yield* Activity.make({
      name: "SendEmail",
      error: SendEmailError,
      execute: Effect.gen(function* () {
        const attempt = yield* Activity.CurrentAttempt
        yield* count("sent")
        if (attempt !== 5) {
          return yield* new SendEmailError({
            message: `Failed to send email for ${id} on attempt ${attempt}`,
          })
        }
      }),
    }).pipe(
      EmailWorkflow.withCompensation(() => Effect.asVoid(count("compensation"))),
      Activity.retry({ times: 5 }),
    )

    if (to === "compensation") return yield* new SendEmailError({ message: "Compensation triggered" })

    const result = yield* Activity.make({
      name: "Sleep",
      success: Schema.DateTimeUtc,
      execute: Effect.gen(function* () {
        yield* DurableClock.sleep({
          name: "Some sleep",
          duration: "10 seconds",
          inMemoryThreshold: Duration.zero,
        })
        return yield* DateTime.now
      }),
    })
    assertTrue(DateTime.isUtc(result))

    const flags = yield* Flags
    flags.set(
      "email",
      yield* DurableDeferred.await(EmailTrigger).pipe(
        Effect.catchAllCause(() => set("catchAllCause")),
        Effect.ensuring(Effect.sync(() => flags.set("ensuring", true))),
      ),
    )
  }),
)

export const RaceWorkflow = Workflow.make({
  name: "RaceWorkflow",
  payload,
  success: Schema.String,
  idempotencyKey,
})

const race = RaceWorkflow.toLayer(() =>
  Effect.gen(function* () {
    const flags = yield* Flags
    const slow = (name: string, millis: number) =>
      Activity.make({
        name,
        success: Schema.String,
        execute: Effect.onInterrupt(Effect.delay(Effect.succeed(name), millis), () =>
          Effect.sync(() => flags.set(`interrupted ${name}`, true)),
        ),
      })
    return yield* Activity.raceAll("race", [
      slow("Activity1", 100_000),
      slow("Activity2", 50_000),
      slow("Activity3", 100),
    ])
  }),
)

export const DurableRaceWorkflow = Workflow.make({
  name: "DurableRaceWorkflow",
  payload,
  success: Schema.String,
  idempotencyKey,
})

export const DurableRaceGate = DurableDeferred.make("DurableRaceGate")

const durableRace = DurableRaceWorkflow.toLayer(() =>
  Effect.gen(function* () {
    const sleeping = (name: string, duration: Duration.DurationInput) =>
      Activity.make({
        name,
        success: Schema.String,
        execute: Effect.as(DurableClock.sleep({ name, duration, inMemoryThreshold: Duration.zero }), name),
      })
    const result = yield* Activity.raceAll("race", [
      sleeping("Activity1", 500_000),
      sleeping("Activity2", 100_000),
      sleeping("Activity3", 60_000),
    ])
    yield* set("race-token", yield* DurableDeferred.token(DurableRaceGate))
    yield* DurableDeferred.await(DurableRaceGate)
    return result
  }),
)

export const ParentWorkflow = Workflow.make({
  name: "ParentWorkflow",
  payload,
  success: Schema.String,
  idempotencyKey,
})

export const ChildWorkflow = Workflow.make({
  name: "ChildWorkflow",
  payload,
  success: Schema.String,
  idempotencyKey,
})

export const ChildDeferred = DurableDeferred.make("ChildDeferred")

const parent = ParentWorkflow.toLayer(({ id }) =>
  Effect.gen(function* () {
    const flags = yield* Flags
    const instance = yield* WorkflowInstance
    yield* Effect.addFinalizer(() => Effect.sync(() => flags.set("parent-suspended", instance.suspended)))
    yield* Activity.make({ name: "before", execute: Effect.asVoid(count("before child")) }).pipe(
      ParentWorkflow.withCompensation(() => Effect.asVoid(count("parent compensation"))),
    )
    const given = yield* ChildWorkflow.execute({ id })
    yield* set("parent-end")
    return `child gave ${given}`
  }),
)

const child = ChildWorkflow.toLayer(({ id }) =>
  Effect.gen(function* () {
    yield* Activity.make({ name: "in child", execute: Effect.asVoid(count("in child")) }).pipe(
      ChildWorkflow.withCompensation(() =>
        Activity.make({ name: "undo", execute: Effect.asVoid(count("child compensation")) }),
      ),
    )
    yield* set("child-token", yield* DurableDeferred.token(ChildDeferred))
    yield* DurableDeferred.await(ChildDeferred)
    yield* set("child-end")
    return `result of ${id}`
  }),
)

export const DiscardParentWorkflow = Workflow.make({
  name: "DiscardParentWorkflow",
  payload,
  success: Schema.String,
  idempotencyKey,
})

export const DiscardChildWorkflow = Workflow.make({ name: "DiscardChildWorkflow", payload, idempotencyKey })

const discardParent = DiscardParentWorkflow.toLayer(({ id }) =>
  DiscardChildWorkflow.execute({ id: `${id}-child` }, { discard: true }),
)

const discardChild = DiscardChildWorkflow.toLayer(() =>
  DurableClock.sleep({ name: "a while", duration: "2 minutes" }),
)

export const SuspendOnFailureWorkflow = Workflow.make({
  name: "SuspendOnFailureWorkflow",
  payload,
  success: Schema.Number,
  idempotencyKey,
}).annotate(Workflow.SuspendOnFailure, true)

const suspendOnFailure = SuspendOnFailureWorkflow.toLayer(() =>
  Effect.gen(function* () {
    const flags = yield* Flags
    const instance = yield* WorkflowInstance
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        flags.set("suspended", instance.suspended)
        flags.set("cause", instance.cause && Cause.pretty(instance.cause))
      }),
    )
    yield* Workflow.addFinalizer((exit) =>
      exit._tag === "Failure" ? Effect.asVoid(count("undone")) : Effect.void,
    )
    return yield* Activity.make({
      name: "fail",
      success: Schema.Number,
      execute: Effect.flatMap(count("failing"), (n) => (n < 2 ? Effect.die("boom") : Effect.succeed(n))),
    })
  }),
)

export const CatchWorkflow = Workflow.make({ name: "CatchWorkflow", payload, idempotencyKey })

const catching = CatchWorkflow.toLayer(() =>
  Activity.make({ name: "fail", execute: Effect.die("boom") }).pipe(
    Effect.catchAllCause((cause) =>
      Activity.make({ name: "log", execute: set("catch", Cause.pretty(cause)) }),
    ),
  ),
)

export const ErrorDefectWorkflow = Workflow.make({ name: "ErrorDefectWorkflow", payload, idempotencyKey })

const errorDefect = ErrorDefectWorkflow.toLayer(() =>
  Activity.make({ name: "raw-error-defect", execute: Effect.dieSync(makeBatchRequestError) }),
)

/** An error with a property that JSON cannot have. */
const makeBatchRequestError = () =>
  Object.defineProperty(new Error("Batch request error: Request timed out"), "nonJson", {
    enumerable: true,
    value: 1n,
  })

export const layer = Layer.mergeAll(
  email,
  race,
  durableRace,
  parent,
  child,
  discardParent,
  discardChild,
  suspendOnFailure,
  catching,
  errorDefect,
)
