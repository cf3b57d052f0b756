/** The part of the executors' suite on interruption and back-pressure. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Effect, Exit } from "effect"
import * as EventOrder from "../EventOrder.js"
import { start, test, until, untilGone } from "./Execution.js"
import { Floods, type Make, SaysThenHangs } from "./Subject.js"

/** Waits until nothing is added for half a second, by a peer that would add thousands, and gives what there is. */
const untilStill = (produced: Effect.Effect<number>) =>
  Effect.suspend(() => {
    let last = -1
    let still = 0
    const look = Effect.tap(produced, (now) => {
      still = now === last ? still + 1 : 0
      last = now
    })
    return until("the peer is held", look, () => still === 50)
  })

export const tests = (make: Make): void => {
  const texts = ["one ", "two ", "three"]

  describe("an execution that is interrupted", () => {
    test(
      "in the middle of what its peer says ends soon, and its peer with it",
      Effect.gen(function* () {
        const subject = yield* make(SaysThenHangs({ texts }))
        const execution = yield* start(subject)
        yield* execution.said(texts.join(""))
        assertTrue((yield* subject.alive) > 0, "no peer is at work in the middle of a run")
        assertTrue(Exit.isInterrupted(yield* execution.interrupt))
        yield* untilGone(subject)
        deepStrictEqual(EventOrder.violations(execution.events, { ended: false }), [])
      }),
    )

    test(
      "beside others leaves those alone",
      Effect.gen(function* () {
        const subject = yield* make(SaysThenHangs({ texts }))
        const [first, second] = yield* Effect.all([start(subject), start(subject)])
        yield* Effect.forEach([first, second], ({ said }) => said(texts.join("")))
        const both = yield* subject.alive
        yield* first.interrupt
        yield* until("one peer is at work", subject.alive, (alive) => alive > 0 && alive < both)
        yield* second.interrupt
        yield* untilGone(subject)
      }),
    )
  })

  describe("a peer that never stops talking", () => {
    test(
      "is held while nobody takes what it says, goes on, and is ended",
      Effect.gen(function* () {
        const subject = yield* make(Floods())
        const execution = yield* start(subject, { takes: 1 })
        yield* execution.take(100)
        const held = yield* untilStill(subject.produced)
        const more = Effect.zipRight(execution.take(1000), subject.produced)
        yield* until("the peer goes on", more, (produced) => produced > held)
        yield* untilStill(subject.produced)
        assertTrue(Exit.isInterrupted(yield* execution.interrupt))
        yield* untilGone(subject)
        deepStrictEqual(EventOrder.violations(execution.events, { ended: false }), [])
      }),
    )
  })
}
