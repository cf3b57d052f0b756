/** Executor suite: a run releases its peer and every counted resource, however it ends. */
import { describe } from "@effect/vitest"
import { Effect, Record } from "effect"
import { type Execution, start, test, until, untilNoPeer } from "./Execution.js"
import {
  type Behaviour,
  type Make,
  Malformed,
  Says,
  SaysThenCrashes,
  SaysThenHangs,
  type Subject,
} from "./Subject.js"

/** Counters of the resources that a run must release, by name. */
export interface Resources {
  readonly [name: string]: Effect.Effect<number>
}

/** One turn of the event loop, in which a peer may make progress. */
const turn = Effect.sleep(0)

const texts = ["one ", "two"]

/** Starts a run, applies `step`, and waits until no peer is running. */
const runOf = (subject: Subject, step: (execution: Execution) => Effect.Effect<unknown>) =>
  Effect.scoped(Effect.flatMap(start(subject), step)).pipe(Effect.zipRight(untilNoPeer(subject)))

export const tests = (make: Make, resources: Resources): void => {
  /** Runs `first`, which may create what all runs share, and checks that `more` leaves no further resource. */
  const assertNoLeak = <E, R>(first: Effect.Effect<unknown, E, R>, more: Effect.Effect<unknown, E, R>) =>
    Effect.gen(function* () {
      yield* first
      const before = yield* Effect.all(resources)
      yield* more
      yield* Effect.forEach(Record.toEntries(resources), ([name, count]) =>
        until(`${name}: no more than ${before[name]}`, count, (now) => now <= before[name]!),
      )
    })

  const hangs = SaysThenHangs({ texts })
  const interrupted = (execution: Execution) =>
    Effect.zipRight(execution.untilText(texts.join("")), execution.interrupt)
  const cases: ReadonlyArray<readonly [string, Behaviour, (execution: Execution) => Effect.Effect<unknown>]> =
    [
      ["that succeed", Says({ texts }), ({ exit }) => exit],
      ["that are interrupted", hangs, interrupted],
      ["whose peer crashes", SaysThenCrashes({ texts }), ({ exit }) => exit],
      ["whose peer sends malformed output", Malformed(), ({ exit }) => exit],
    ]

  describe("no resource leaks", () => {
    for (const [which, behaviour, step] of cases) {
      test(
        `from ten runs ${which}`,
        Effect.flatMap(make(behaviour), (subject) => {
          const one = runOf(subject, step)
          return assertNoLeak(one, Effect.replicateEffect(one, 10))
        }),
      )
    }

    test(
      "from runs that are interrupted at any moment",
      Effect.flatMap(make(hangs), (subject) => {
        const after = (turns: number) =>
          runOf(subject, ({ interrupt }) => Effect.zipRight(Effect.replicateEffect(turn, turns), interrupt))
        return assertNoLeak(
          runOf(subject, interrupted),
          Effect.forEach([0, 1, 2, 3, 5, 8, 13, 21, 34, 55], after),
        )
      }),
    )
  })
}
