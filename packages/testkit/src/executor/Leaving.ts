/** The part of the executors' suite on what runs leave behind: nothing. */
import { describe } from "@effect/vitest"
import { Effect, Record } from "effect"
import { start, test, until, untilGone } from "./Execution.js"
import { type Behaviour, type Make, Malformed, Says, SaysThenCrashes, SaysThenHangs } from "./Subject.js"

/** Counts of what runs take and must give back, by name. */
export interface Resources {
  readonly [name: string]: Effect.Effect<number>
}

const runs = 10

export const tests = (make: Make, resources: Resources): void => {
  const texts = ["one ", "two"]
  const behaviours: ReadonlyArray<Behaviour> = [
    Says({ texts }),
    SaysThenHangs({ texts }),
    SaysThenCrashes({ texts }),
    Malformed(),
  ]
  describe("nothing is left", () => {
    for (const behaviour of behaviours) {
      test(
        `of many runs in a row whose peer ${behaviour._tag}`,
        Effect.gen(function* () {
          const subject = yield* make(behaviour)
          const one = Effect.gen(function* () {
            const execution = yield* start(subject)
            if (behaviour._tag === "SaysThenHangs") {
              yield* execution.said(texts.join(""))
              yield* execution.interrupt
            } else {
              yield* execution.ended
            }
            yield* untilGone(subject)
          }).pipe(Effect.scoped)

          // The first one may make what all share.
          yield* one
          const before = yield* Effect.all(resources)
          yield* Effect.replicateEffect(one, runs, { discard: true })
          yield* Effect.forEach(Record.toEntries(resources), ([name, count]) =>
            until(`${name}: no more than ${before[name]}`, count, (now) => now <= before[name]!),
          )
        }),
      )
    }
  })
}
