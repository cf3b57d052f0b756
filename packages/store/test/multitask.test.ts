import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Claims, Conversations, Ids, RequestSnapshot, Runs, WorkerRegistry } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Fiber } from "effect"

describe("Runs.submit", () => {
  it.effect("submissions of one commit find each other", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const conversations = yield* Conversations.Conversations
      const { id: conversationId } = yield* conversations.create()
      const snapshot = RequestSnapshot.fromText("Shorter")
      const submit = (publicId: string, multitask: Runs.Multitask) =>
        Effect.map(
          Effect.either(runs.submit({ agentId: "agent", publicId, conversationId, snapshot, multitask })),
          (verdict) =>
            verdict._tag === "Left"
              ? verdict.left._tag
              : `${verdict.right.steered ? "message to" : "run"} ${verdict.right.run.runId}`,
        )
      const verdicts = yield* Effect.all(
        [
          submit("first", "enqueue"),
          submit("steers", "steer"),
          submit("interrupts", "interrupt"),
          submit("behind", "enqueue"),
          submit("latest", "latest"),
          submit("rejected", "reject"),
          submit("steers too", "steer"),
          submit("steers", "steer"),
        ],
        { concurrency: "unbounded" },
      )
      deepStrictEqual(verdicts, [
        "run first",
        "message to first",
        "run interrupts",
        "run behind",
        "run latest",
        "ConversationBusy",
        "message to latest",
        "message to first",
      ])
      const { items } = yield* runs.list()
      deepStrictEqual(
        items.map(({ runId, status }) => [runId, status]),
        [
          ["latest", "pending"],
          ["behind", "cancelled"],
          ["interrupts", "cancelled"],
          ["first", "cancelled"],
        ],
      )
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )

  it.effect("a claim that waits gets no run that a submission of the same commit interrupts", () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const claims = yield* Claims.Claims
      const registry = yield* WorkerRegistry.WorkerRegistry
      const { id: workerId } = yield* registry.register({ implementationKind: "kind", workerKey: "key" })
      const waiting = yield* Effect.fork(
        claims.claim({ workerId, limit: 2, leaseDuration: "30 seconds", wait: "10 seconds" }),
      )
      // The commit of this request comes after that of the claim, which waits by then.
      yield* runs.cancel(Ids.RunId.make("absent")).pipe(Effect.ignore)
      const submit = (publicId: string, multitask: Runs.Multitask) =>
        runs.submit({ agentId: "agent", publicId, concurrencyKey: "lane", multitask })
      yield* Effect.all([submit("first", "enqueue"), submit("second", "interrupt")], {
        concurrency: "unbounded",
      })
      const claimed = yield* Fiber.join(waiting)
      deepStrictEqual(
        claimed.map(({ runId }) => runId),
        ["second"],
      )
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )
})
