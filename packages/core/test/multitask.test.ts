import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Conversations, MemoryControlPlane, RequestSnapshot, Runs } from "@runlease/core"
import { Effect } from "effect"

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
        "ConversationBusy",
        "message to interrupts",
        "message to first",
      ])
      const { items } = yield* runs.list()
      deepStrictEqual(
        items.map(({ runId, status }) => [runId, status]),
        [
          ["behind", "pending"],
          ["interrupts", "pending"],
          ["first", "cancelled"],
        ],
      )
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )
})
