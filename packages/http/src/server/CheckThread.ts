/**
 * Checks of values by JSON Schemas on a thread of their own, within a limit of time. A schema and a value that callers choose may take the
 * check any time, and a regular expression that backtracks ends with its thread alone.
 *
 * Source: docs/decisions/0124-schema-checks-on-a-thread.md
 */
import type { OutputUnit } from "@cfworker/json-schema"
import * as JsonSchemaProblem from "@runlease/core/JsonSchemaProblem"
import { Effect, Option, type Scope } from "effect"
import { createRequire } from "node:module"
import { Worker } from "node:worker_threads"
import * as CheckProgram from "./CheckProgram.js"

/** The most time of one check, in milliseconds. */
const timeout = 500

/** How long a thread may take to start, in milliseconds. */
const startTimeout = 10_000

/** The most checks that wait for the thread: the last of them for five seconds at most. */
const maxWaiting = 10

/** The megabytes of the thread's heap. A check that needs more ends with the thread. */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }

const maxCharacters = 200_000

/** What the check found, and how long it took in milliseconds. `errors` is none where it was not made, or not in time. */
export interface Checked {
  readonly errors: Option.Option<ReadonlyArray<OutputUnit>>
  readonly millis: number
}

export interface CheckThread {
  /** Checks a value by schemas: no errors where one of them takes it, and those of the first one otherwise. */
  readonly check: (request: CheckProgram.Request) => Effect.Effect<Checked>
}

/** The answer of a check that is not made. */
export const unchecked: Effect.Effect<Checked> = Effect.succeed({ errors: Option.none(), millis: 0 })

const validatorPath = (): string => createRequire(import.meta.url).resolve("@cfworker/json-schema")

/** The next message of a thread; none when it fails or ends, or none comes in time. */
const messageOf = (thread: Worker, millis: number): Effect.Effect<Option.Option<CheckProgram.Report>> =>
  Effect.async((resume) => {
    const end = (message: Option.Option<CheckProgram.Report>): void => {
      clearTimeout(timer)
      thread.off("message", onMessage).off("error", onEnd).off("exit", onEnd)
      resume(Effect.succeed(message))
    }
    const onMessage = (message: CheckProgram.Report): void => end(Option.some(message))
    const onEnd = (): void => end(Option.none())
    const timer = setTimeout(onEnd, millis)
    thread.on("message", onMessage).on("error", onEnd).on("exit", onEnd)
  })

/**
 * The thread starts with the first check, and again after one that was ended. One check is made at a time. A check that is
 * not answered in 500 milliseconds ends with its thread.
 */
export const make: Effect.Effect<CheckThread, never, Scope.Scope> = Effect.gen(function* () {
  const turn = yield* Effect.makeSemaphore(1)
  let waiting = 0
  let thread: Worker | undefined

  const end = Effect.promise(async () => {
    const ended = thread
    thread = undefined
    await ended?.terminate()
  })
  yield* Effect.addFinalizer(() => end)

  const spawn = Effect.try(() => {
    const started = new Worker(CheckProgram.text, {
      eval: true,
      name: "runlease checks",
      workerData: {
        validator: validatorPath(),
        maxErrors: JsonSchemaProblem.maxErrors + 1,
        maxCharacters,
      } satisfies CheckProgram.Settings,
      execArgv: [],
      resourceLimits,
    })
    started.unref()
    started.on("error", () => {})
    started.once("exit", () => {
      if (thread === started) thread = undefined
    })
    return started
  })

  const start = Effect.gen(function* () {
    thread ??= yield* Effect.gen(function* () {
      const started = yield* spawn
      thread = started
      if (Option.isNone(yield* messageOf(started, startTimeout))) yield* Effect.fail("no answer")
      return started
    })
    return thread
  }).pipe(
    Effect.tapError((error) =>
      Effect.zipRight(
        end,
        Effect.logWarning(`The thread that checks payloads does not start: ${String(error)}`),
      ),
    ),
    Effect.option,
  )

  const checkNow = (request: CheckProgram.Request): Effect.Effect<Checked> =>
    Effect.flatMap(
      start,
      Option.match({
        onNone: () => unchecked,
        onSome: (running) =>
          Effect.gen(function* () {
            running.postMessage(request, [])
            const answer = yield* messageOf(running, timeout)
            if (Option.isSome(answer) && answer.value !== "ready") {
              return { errors: Option.some(answer.value.errors), millis: answer.value.millis }
            }
            yield* end
            return { errors: Option.none(), millis: timeout }
          }),
      }),
    )

  return {
    check: (request) =>
      Effect.suspend(() => {
        if (waiting >= maxWaiting) return unchecked
        waiting += 1
        // The answer of an interrupted check would be that of the next one.
        return Effect.ensuring(
          turn.withPermits(1)(Effect.uninterruptible(checkNow(request))),
          Effect.sync(() => {
            waiting -= 1
          }),
        )
      }),
  }
})
