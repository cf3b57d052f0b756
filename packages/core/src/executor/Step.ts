/**
 * Steps: work of a run whose result is recorded in its log, so that a later attempt does not do it again.
 *
 * ```ts
 * Executor.make((run) =>
 *   Effect.gen(function* () {
 *     const pages = yield* Step.run("search", search(run))
 *     const notes = yield* Effect.forEach(pages, (page) => Step.run("read", read(page), { key: page.url }))
 *     return yield* Step.run("write", write(notes))
 *   }),
 * )
 * ```
 *
 * A step is known by its enclosing step, its name and its key. A loop gives a key to each of its rounds. Code outside of steps
 * runs again in each attempt.
 *
 * Source: docs/decisions/0057-steps.md
 *
 * @since 0.1.0
 */
import { Context, DateTime, Duration, Effect, Option, type Schedule } from "effect"
import type * as AgentEvent from "../model/AgentEvent.js"
import { sha256 } from "../model/Digest.js"
import { maxPause } from "../ports/Leases.js"
import * as Emit from "./Emit.js"
import type { StepError } from "./StepError.js"
import { type AttemptSteps, type Recorded, StepLog } from "./StepLog.js"
import { type Codecs, failed, record, replayed, type Taken, write } from "./StepOutcome.js"
import { intentEventName, sleepEventName, stepIdOf } from "../model/StepRecord.js"

export { StepError } from "./StepError.js"

/**
 * The step that the code is in.
 *
 * `idempotencyKey`: 64 hex digits, the same in each attempt and for no other step, for a service that knows such keys.
 *
 * @since 0.1.0
 * @category services
 */
export class CurrentStep extends Context.Tag("@runlease/core/CurrentStep")<
  CurrentStep,
  {
    readonly id: string
    readonly idempotencyKey: string
    /** Whether it happens at most once. Then it has no steps in it. */
    readonly atMostOnce: boolean
  }
>() {}

/**
 * `key`: a value of JSON that tells steps of one name apart.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keyed {
  readonly key?: unknown
}

/**
 * `schema` encodes the result, which is a value of JSON when it is absent. `failure` is the schema of failures that are recorded:
 * a later attempt fails with them and does not try again. Other failures are not recorded.
 *
 * @since 0.1.0
 * @category models
 */
export interface Recording<A, E> extends Keyed, Codecs<A, E> {}

/**
 * `retry` repeats the body within the step. `unreadable` says what to do with a record that does not fit the schema: the step
 * fails when it is absent, and runs again with `rerun`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<A, E> extends Recording<A, E> {
  readonly retry?: Schedule.Schedule<unknown, E> | undefined
  readonly unreadable?: "rerun" | undefined
}

/**
 * An effect that may use steps, without the services that come with the step and the run.
 *
 * @since 0.1.0
 * @category models
 */
export type Durable<A, E, R> = Effect.Effect<A, E | StepError, Exclude<R, CurrentStep> | Emit.Emit | StepLog>

const maxSteps = 10_000

/** How many steps are recorded. Children have a bound of their own. */
const countSteps = (recorded: ReadonlyMap<string, Recorded>): number => {
  let count = 0
  for (const { child } of recorded.values()) if (child === undefined) count += 1
  return count
}

/** Takes the step of that name and key, which this attempt has not had before. */
export const take = (name: string, { key }: Keyed): Effect.Effect<Taken, StepError, StepLog> =>
  Effect.gen(function* () {
    const attempt = (yield* StepLog).steps()
    const enclosing = Option.getOrUndefined(yield* Effect.serviceOption(CurrentStep))
    if (enclosing?.atMostOnce === true) {
      return yield* failed(name, "nested", `Step ${name} is inside a step that happens at most once`)
    }
    const id = stepIdOf({ within: enclosing?.id, name, key })
    if (!attempt.take(id)) {
      return yield* failed(
        name,
        "duplicate",
        `This attempt has had a step ${name} with the key ${JSON.stringify(key)} already; give each one a key of its own`,
      )
    }
    const recorded = yield* Effect.mapError(attempt.recorded, (error) =>
      failed(name, "unavailable", `The steps of earlier attempts cannot be read: ${error.message}`),
    )
    if (recorded.size >= maxSteps && !recorded.has(id) && countSteps(recorded) >= maxSteps) {
      return yield* failed(name, "too_many", `The run has ${maxSteps} steps`)
    }
    const shownAs = key === undefined && enclosing === undefined ? name : `${name}:${id.slice(0, 8)}`
    return { attempt, id, within: enclosing?.id, name, key, shownAs, recorded: recorded.get(id) }
  })

/** The body in its step, in which `CurrentStep` is this one. */
const inStep = <A, E, R>(
  { attempt, id }: Taken,
  atMostOnce: boolean,
  body: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, Exclude<R, CurrentStep>> =>
  Effect.suspend(() =>
    Effect.provideService(body, CurrentStep, {
      id,
      // Few bodies read it.
      get idempotencyKey() {
        return sha256(`${attempt.runId} ${id}`)
      },
      atMostOnce,
    }),
  )

/** What an earlier attempt has recorded, else the effect, with the step in flight. */
const unlessReplayed = <A, E, E2, R>(
  taken: Taken,
  codecs: Codecs<A, E> & Pick<Options<A, E>, "unreadable">,
  effect: Effect.Effect<A, E2, R>,
): Effect.Effect<A, E | E2 | StepError, R> =>
  Effect.flatMap(
    replayed(taken, codecs),
    Option.match({ onNone: () => taken.attempt.inFlight(taken, effect), onSome: Effect.succeed }),
  )

/**
 * Runs the body once and records its result; a later attempt gets the result from the log. It ends once the record is in the
 * log. An attempt that dies before that leaves no record, and the next one runs the body again: a service that must not be called
 * twice gets `CurrentStep`'s `idempotencyKey`, or see `atMostOnce`.
 *
 * Fails: as the body does, and with `StepError`.
 *
 * Units: a result of at most 240,000 bytes of JSON; 10,000 steps a run.
 *
 * @since 0.1.0
 * @category steps
 */
export const run = <A, E, R>(
  name: string,
  body: Effect.Effect<A, E, R>,
  options: Options<A, E> = {},
): Durable<A, E, R> =>
  Effect.flatMap(take(name, options), (taken) => {
    const { retry } = options
    return unlessReplayed(
      taken,
      options,
      record(
        taken,
        inStep(taken, false, retry === undefined ? body : Effect.retry(body, retry)),
        options,
        true,
      ),
    )
  })

/**
 * Runs the body at most once, whatever dies. The log says that it is about to run before it does. An attempt that finds this
 * and no result does not run it: it fails with reason `uncertain`, or records what `onUncertain` finds out.
 *
 * The body has no steps in it.
 *
 * Fails: as the body does, and with `StepError`.
 *
 * @since 0.1.0
 * @category steps
 */
export const atMostOnce = <A, E, R>(
  name: string,
  body: Effect.Effect<A, E, R>,
  options: Recording<A, E> & { readonly onUncertain?: Effect.Effect<A, E, R> | undefined } = {},
): Durable<A, E, R> =>
  Effect.flatMap(take(name, options), (taken) => {
    const once = (effect: Effect.Effect<A, E, R>) => record(taken, inStep(taken, true, effect), options, true)
    const { onUncertain } = options
    const outcome =
      taken.recorded?.intent !== true
        ? Effect.zipRight(write(taken, intentEventName, {}), once(body))
        : onUncertain === undefined
          ? failed(name, "uncertain", `Step ${name} was begun by an earlier attempt, and may have happened`)
          : once(onUncertain)
    return unlessReplayed(taken, options, outcome)
  })

/**
 * Emits events once, whatever dies; `Emit.event` emits them in each attempt.
 *
 * @since 0.1.0
 * @category steps
 */
export const emit = (
  name: string,
  events: ReadonlyArray<AgentEvent.AgentEvent>,
  options: Keyed = {},
): Durable<void, never, never> =>
  Effect.flatMap(take(name, options), (taken) =>
    unlessReplayed(
      taken,
      {},
      record(taken, Effect.forEach(events, Emit.event, { discard: true }), {}, false),
    ),
  )

const sleeping = (
  name: string,
  options: Keyed,
  fields: { readonly duration_ms: number } | { readonly until: string },
  whole: (attempt: AttemptSteps) => Effect.Effect<Duration.Duration>,
): Durable<void, never, never> =>
  Effect.gen(function* () {
    const taken = yield* take(name, options)
    const { attempt, recorded, within } = taken
    const wakesAt = recorded?.wakesAt
    const left = yield* wakesAt === undefined ? whole(attempt) : attempt.until(wakesAt)
    if (Duration.greaterThan(left, maxPause)) {
      return yield* failed(
        name,
        "too_long",
        `Step ${name} sleeps for more than ${Duration.toDays(maxPause)} days`,
      )
    }
    if (wakesAt === undefined) yield* attempt.inFlight(taken, write(taken, sleepEventName, fields))
    if (Duration.greaterThan(left, Duration.zero))
      yield* attempt.park(within, { duration: left }, Effect.sleep(left))
  })

/**
 * Sleeps, once: a later attempt sleeps what is left, by the store's clock, whatever duration the program says by then.
 *
 * Where nothing else of the run is in flight, the run is suspended meanwhile. It then holds no slot, no lease and no worker, and the
 * executor runs again from its beginning when the time has come. A sleep that ends within half a lease stays in the worker.
 *
 * Units: up to 3,650 days.
 *
 * @since 0.1.0
 * @category waiting
 */
export const sleep = (
  name: string,
  duration: Duration.DurationInput,
  options: Keyed = {},
): Durable<void, never, never> =>
  Effect.suspend(() => {
    const whole = Duration.decode(duration)
    return sleeping(name, options, { duration_ms: Duration.toMillis(whole) }, () => Effect.succeed(whole))
  })

/**
 * Sleeps until an instant of the store's clock, as `sleep` does. The instant that was recorded first counts.
 *
 * Units: up to 3,650 days from now.
 *
 * @since 0.1.0
 * @category waiting
 */
export const sleepUntil = (
  name: string,
  instant: DateTime.Utc,
  options: Keyed = {},
): Durable<void, never, never> =>
  sleeping(name, options, { until: DateTime.formatIso(instant) }, ({ until }) => until(instant))
