/** A step that an attempt takes, and the code that is in it. */
import { Context, Effect, Either, Option } from "effect"
import { sha256 } from "../model/Digest.js"
import { uuidV7 } from "../model/Ids.js"
import { stepIdOf } from "../model/StepRecord.js"
import { hasReader } from "../ports/Tracing.js"
import { callSites } from "./CallSites.js"
import type { StepError } from "./StepError.js"
import { StepLog } from "./StepLog.js"
import { failed, type AttemptStep, tooMany } from "./StepRecording.js"

/**
 * The step that the code is in.
 *
 * `idempotencyKey`: 64 hex digits, the same in each attempt and for no other step, for a service that knows such keys.
 */
export class CurrentStep extends Context.Tag("@runlease/core/CurrentStep")<
  CurrentStep,
  {
    readonly id: string
    readonly idempotencyKey: string
    /** Whether it happens at most once. Then it has no steps in it. */
    readonly atMostOnce: boolean
    /** Whether it is a transaction, which may be rolled back. Then it has no steps in it either. */
    readonly transaction: boolean
  }
>() {}

/** What keeps other steps out of the body of a step. */
export type Closed = "atMostOnce" | "transaction"

const places: Readonly<Record<Closed, string>> = {
  atMostOnce: "a step that happens at most once",
  transaction: "a step in a transaction",
}

/** `key`: a value of JSON that distinguishes steps of one name. */
export interface Keyed {
  readonly key?: unknown
}

/** The step that code in this context is in, if it is in one. None may be inside a step that happens at most once, or in a transaction. */
const enclosingIn = (
  context: Context.Context<never>,
  name: string,
  what: string,
): Either.Either<CurrentStep["Type"] | undefined, StepError> => {
  const enclosing = Option.getOrUndefined(Context.getOption(context, CurrentStep))
  const closed = enclosing?.atMostOnce === true ? "atMostOnce" : "transaction"
  return enclosing?.[closed] === true
    ? Either.left(failed(name, "nested", `${what} is inside ${places[closed]}`))
    : Either.right(enclosing)
}

/**
 * The step that the code is in, if it is in one. Fails inside a step that happens at most once: its intent says only that all of it may have
 * happened, so nothing in it is recorded, and nothing in it waits. Fails inside one in a transaction: what is in it is rolled back with it.
 * `what` begins the sentence.
 */
export const unlessOnce = (
  name: string,
  what: string,
): Effect.Effect<CurrentStep["Type"] | undefined, StepError> =>
  Effect.contextWithEffect((context: Context.Context<never>) => enclosingIn(context, name, what))

/** Takes the step of that name and key, which this attempt has not had before. */
export const take = (name: string, { key }: Keyed): Effect.Effect<AttemptStep, StepError, StepLog> => {
  const calledAt = callSites.read?.()
  return Effect.contextWithEffect((context: Context.Context<StepLog>) => {
    const attempt = Context.get(context, StepLog).steps()
    const place = enclosingIn(context, name, `Step ${name}`)
    if (Either.isLeft(place)) return place.left
    const enclosing = place.right
    const id = stepIdOf({ within: enclosing?.id, name, key })
    attempt.calledAt?.(id, { name, key, within: enclosing?.id, at: calledAt })
    if (!attempt.take(id)) {
      const problem = key === undefined ? "without a key" : "with that key"
      return failed(
        name,
        "duplicate",
        `This attempt has had a step ${name} ${problem} already; give each one a key of its own`,
      )
    }
    return Effect.matchEffect(attempt.recorded, {
      onFailure: (error) =>
        failed(name, "unavailable", `The steps of earlier attempts cannot be read: ${error.message}`),
      onSuccess: (recorded) => {
        if (!attempt.mayRecord(id)) return tooMany(name)
        const shownAs = key === undefined && enclosing === undefined ? name : `${name}:${id.slice(0, 8)}`
        const before = recorded.get(id)
        if (before !== undefined) attempt.inbox.passed(before.consumed)
        return Effect.succeed({ attempt, id, within: enclosing?.id, name, key, shownAs, recorded: before })
      },
    })
  })
}

/** What the code looks at while it waits, and the id of the step that it is in. */
export interface Looking<A, E, R> {
  readonly look: Effect.Effect<A, E, R>
  readonly within: string | undefined
}

/**
 * What the code looks at while it waits for `what`, in a place where it may wait. A look is in flight: else the run would be suspended for
 * other waits while it continues, and not for this one.
 */
export const looking = <A, E, R>(
  attempt: AttemptStep["attempt"],
  wait: { readonly name: string; readonly what: string },
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<Looking<A, E, R>, StepError> =>
  Effect.gen(function* () {
    const within = (yield* unlessOnce(wait.name, wait.what))?.id
    return { look: attempt.inFlight({ id: yield* uuidV7, within }, effect), within }
  })

/** The span of a step, where a tracer is there. */
export const spanOf = ({ id, name, shownAs }: AttemptStep) => ({
  name: `step ${name}`,
  attributes: { "runlease.step_id": id, "runlease.step": shownAs },
})

export const traced = <A, E, R>(step: AttemptStep, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tracerWith((tracer) => {
    if (!hasReader(tracer)) return effect
    const { attributes, name } = spanOf(step)
    return Effect.withSpan(effect, name, { attributes, captureStackTrace: false })
  })

/** What `CurrentStep` is in the body of a step. */
export const currentStep = ({ attempt, id }: AttemptStep, closed?: Closed): CurrentStep["Type"] => ({
  id,
  // Few bodies read it.
  get idempotencyKey() {
    return sha256(`${attempt.runId} ${id}`)
  },
  atMostOnce: closed === "atMostOnce",
  transaction: closed === "transaction",
})
