/** The part of the executors' suite on what runs leave behind: nothing. */
import { describe } from "@effect/vitest"
import { Effect, Record } from "effect"
import { type Execution, start, test, until, untilGone } from "./Execution.js"
import {
  type Behaviour,
  type Make,
  Malformed,
  Says,
  SaysThenCrashes,
  SaysThenHangs,
  type Subject,
} from "./Subject.js"

/** Counts of what runs take and must give back, by name. */
export interface Resources {
  readonly [name: string]: Effect.Effect<number>
}

/** One turn of the event loop, in which a peer may get on. */
const turn = Effect.sleep(0)

const texts = ["one ", "two"]

/** A run from its start to the end of its peer. */
const runOf = (subject: Subject, what: (execution: Execution) => Effect.Effect<unknown>) =>
  Effect.scoped(Effect.flatMap(start(subject), what)).pipe(Effect.zipRight(untilGone(subject)))

export const tests = (make: Make, resources: Resources): void => {
  /** Executes one run, which may make what all share, and then more, which must leave no more than that. */
  const leavesNothing = <E, R>(first: Effect.Effect<unknown, E, R>, more: Effect.Effect<unknown, E, R>) =>
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
    Effect.zipRight(execution.said(texts.join("")), execution.interrupt)
  const cases: ReadonlyArray<readonly [string, Behaviour, (execution: Execution) => Effect.Effect<unknown>]> =
    [
      ["that end well", Says({ texts }), ({ ended }) => ended],
      ["that are interrupted", hangs, interrupted],
      ["whose peer dies", SaysThenCrashes({ texts }), ({ ended }) => ended],
      ["whose peer is not understood", Malformed(), ({ ended }) => ended],
    ]

  describe("nothing is left", () => {
    for (const [which, behaviour, what] of cases) {
      test(
        `by ten runs ${which}`,
        Effect.flatMap(make(behaviour), (subject) => {
          const one = runOf(subject, what)
          return leavesNothing(one, Effect.replicateEffect(one, 10))
        }),
      )
    }

    test(
      "by runs that are interrupted at any moment",
      Effect.flatMap(make(hangs), (subject) => {
        const after = (turns: number) =>
          runOf(subject, ({ interrupt }) => Effect.zipRight(Effect.replicateEffect(turn, turns), interrupt))
        return leavesNothing(
          runOf(subject, interrupted),
          Effect.forEach([0, 1, 2, 3, 5, 8, 13, 21, 34, 55], after),
        )
      }),
    )
  })
}
