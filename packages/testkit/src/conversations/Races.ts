/** Conversations suite: a conversation that is deleted while others use it, or its id. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import type * as Ids from "@runlease/core/Ids"
import { textPart } from "@runlease/core/RequestSnapshot"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect, Fiber, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

const message = { role: "user", parts: [textPart("Hello")] }

const events = Array.from({ length: 100 }, (_, value) => ({ type: "CUSTOM", name: "n", value }))

/** An ended run with a log of 1,500 events. A store that deletes in parts deletes one of these in a commit. */
const longRun = (conversationId: Ids.ConversationId) =>
  Effect.gen(function* () {
    const log = yield* RunLog
    const runs = yield* Runs
    const { runId } = yield* TestRuns.submit({ conversationId, initialStatus: "running" })
    yield* Effect.repeatN(log.append({ runId, events }), 14)
    yield* runs.complete(runId, { status: "completed" })
  })

const verdictOfRemoval = (id: Ids.ConversationId) =>
  Effect.flatMap(Conversations, ({ remove }) => TestRuns.verdictOf(remove(id)))

/** Two deletes take turns where they go on in parts, so of an even and an odd number of parts each of the two does the last one once. */
const madeAgain = (test: TestRuns.Test<ProjectPorts>, parts: number): void => {
  test(
    `a conversation that is made again while a delete of the former one goes on is not deleted (${parts} parts)`,
    Effect.gen(function* () {
      const { addMessage, create, get, messages } = yield* Conversations
      const runs = yield* Runs
      const { id } = yield* create({ title: "Former" })
      yield* Effect.replicateEffect(longRun(id), parts)
      yield* TestClock.adjust("1 second")
      const removals = yield* Effect.replicateEffect(Effect.fork(verdictOfRemoval(id)), 2)
      yield* Effect.raceAll(removals.map((removal) => Fiber.await(removal)))
      yield* create({ id, title: "Anew" })
      yield* addMessage(id, message)
      const { runId } = yield* TestRuns.submit({ conversationId: id })
      yield* runs.cancel(runId)
      const verdicts = yield* Effect.forEach(removals, (removal) => Fiber.join(removal))
      assertTrue(verdicts.includes("Succeeded"))
      assertTrue(verdicts.every((verdict) => ["Succeeded", "ConversationNotFound"].includes(verdict)))
      strictEqual((yield* get(id)).title, "Anew")
      strictEqual((yield* messages(id)).items.length, 1)
      strictEqual((yield* runs.get(runId)).status, "cancelled")
    }),
  )
}

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  madeAgain(test, 2)
  madeAgain(test, 3)

  test(
    "a conversation is deleted or gets a run, and never both",
    Effect.gen(function* () {
      const { addMessage, create, get } = yield* Conversations
      const runs = yield* Runs
      for (let round = 0; round < 10; round++) {
        const { id } = yield* create()
        yield* longRun(id)
        const submit = Effect.map(
          TestRuns.verdictOf(runs.submit(TestRuns.submission({ conversationId: id }))),
          (verdict) => ["submit", verdict],
        )
        const deletion = Effect.map(verdictOfRemoval(id), (verdict) => ["delete", verdict])
        const requests = round % 2 === 0 ? [submit, deletion] : [deletion, submit]
        const verdicts = Object.fromEntries(yield* Effect.all(requests, { concurrency: 2 })) as object
        const isDeleted = (yield* TestRuns.verdictOf(get(id))) === "ConversationNotFound"
        deepStrictEqual(
          verdicts,
          isDeleted
            ? { submit: "ConversationNotFound", delete: "Succeeded" }
            : { submit: "Succeeded", delete: "ConversationInUse" },
        )
        strictEqual(
          yield* TestRuns.verdictOf(addMessage(id, message)),
          isDeleted ? "ConversationNotFound" : "Succeeded",
        )
      }
    }),
  )
}
