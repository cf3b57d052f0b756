/** Executor suite: interruption and back-pressure. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Effect, Exit } from "effect"
import * as EventOrder from "../EventOrder.js"
import { start, test, until, untilNoPeer } from "./Execution.js"
import { Floods, type Make, SaysThenHangs } from "./Subject.js"

/** Waits until the count does not change for half a second, in which the peer would add thousands, and returns it. */
const untilStill = (produced: Effect.Effect<number>) =>
  Effect.suspend(() => {
    let last = -1
    let still = 0
    const look = Effect.tap(produced, (now) => {
      still = now === last ? still + 1 : 0
      last = now
    })
    return until("the peer is paused", look, () => still === 50)
  })

export const tests = (make: Make): void => {
  const texts = ["one ", "two ", "three"]

  describe("an execution that is interrupted", () => {
    test(
      "in the middle of the output ends soon, and its peer ends with it",
      Effect.gen(function* () {
        const subject = yield* make(SaysThenHangs({ texts }))
        const execution = yield* start(subject)
        yield* execution.untilText(texts.join(""))
        assertTrue((yield* subject.alive) > 0, "no peer is running in the middle of a run")
        assertTrue(Exit.isInterrupted(yield* execution.interrupt))
        yield* untilNoPeer(subject)
        deepStrictEqual(EventOrder.violations(execution.events, { ended: false }), [])
      }),
    )

    test(
      "leaves other executions running",
      Effect.gen(function* () {
        const subject = yield* make(SaysThenHangs({ texts }))
        const [first, second] = yield* Effect.all([start(subject), start(subject)])
        yield* Effect.forEach([first, second], ({ untilText }) => untilText(texts.join("")))
        const both = yield* subject.alive
        yield* first.interrupt
        yield* until("one peer is running", subject.alive, (alive) => alive > 0 && alive < both)
        yield* second.interrupt
        yield* untilNoPeer(subject)
      }),
    )
  })

  describe("a peer that writes without end", () => {
    test(
      "pauses while its output is not consumed, continues, and ends when interrupted",
      Effect.gen(function* () {
        const subject = yield* make(Floods())
        const execution = yield* start(subject, { limit: 1 })
        yield* execution.consume(100)
        const paused = yield* untilStill(subject.produced)
        const more = Effect.zipRight(execution.consume(1000), subject.produced)
        yield* until("the peer continues", more, (produced) => produced > paused)
        yield* untilStill(subject.produced)
        assertTrue(Exit.isInterrupted(yield* execution.interrupt))
        yield* untilNoPeer(subject)
        deepStrictEqual(EventOrder.violations(execution.events, { ended: false }), [])
      }),
    )
  })
}
