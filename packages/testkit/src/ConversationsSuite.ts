/** What every `Conversations` must do: create conversations once and store their messages in order, list, change, branch and delete them. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { textPart } from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { Effect, type Layer } from "effect"
import * as Ends from "./conversations/Ends.js"
import * as Lists from "./conversations/Lists.js"
import * as Races from "./conversations/Races.js"
import * as TestRuns from "./TestRuns.js"

/** Declares the tests of `Conversations`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Conversations (${name})`, () => {
    Lists.tests(test)
    Ends.tests(test)
    Races.tests(test)

    test(
      "create makes a conversation, and get returns it",
      Effect.gen(function* () {
        const conversations = yield* Conversations
        const made = yield* conversations.create({ title: "Trip", metadata: { tag: "x" } })
        const found = yield* conversations.get(made.id)
        strictEqual(found.id, made.id)
        strictEqual(found.title, "Trip")
        deepStrictEqual(found.metadata, { tag: "x" })
        const bare = yield* conversations.create()
        strictEqual(bare.title, null)
        deepStrictEqual((yield* conversations.messages(bare.id)).items, [])
      }),
    )

    test(
      "create with an existing id returns the existing conversation",
      Effect.gen(function* () {
        const conversations = yield* Conversations
        const id = Ids.ConversationId.make(yield* Ids.uuidV7)
        const first = yield* conversations.create({ id, title: "First" })
        strictEqual(first.id, id)
        strictEqual((yield* conversations.create({ id, title: "Second" })).title, "First")
      }),
    )

    test(
      "addMessage stores messages unchanged, and messages lists them by page, the oldest first",
      Effect.gen(function* () {
        const conversations = yield* Conversations
        const { id } = yield* conversations.create()
        const parts = [textPart("See"), { type: "file", url: "https://example.com/a.png", size: 3 }]
        for (let index = 0; index < 5; index++) {
          yield* conversations.addMessage(id, { role: index % 2 === 0 ? "user" : "assistant", parts })
        }
        const first = yield* conversations.messages(id, { limit: 3 })
        strictEqual(first.items.length, 3)
        const second = yield* conversations.messages(id, { limit: 3, cursor: first.next! })
        strictEqual(second.next, null)
        const all = [...first.items, ...second.items]
        deepStrictEqual(
          all.map(({ role }) => role),
          ["user", "assistant", "user", "assistant", "user"],
        )
        strictEqual(new Set(all.map((message) => message.id)).size, 5)
        deepStrictEqual(all[0]?.parts, parts)
      }),
    )

    test(
      "a key of a caller is none of a message to a run, which is sent once by its own",
      Effect.gen(function* () {
        const conversations = yield* Conversations
        const runs = yield* Runs
        const { conversationId, runId } = yield* TestRuns.submit()
        const message = { parts: [textPart("Hello")], idempotencyKey: "k" }
        const ofRun = { ...message, role: "user", idempotencyKey: `run ${runId} k` }
        const first = yield* conversations.addMessage(conversationId, ofRun)
        const again = { ...ofRun, idempotencyKey: `own ${ofRun.idempotencyKey}` }
        const other = yield* conversations.addMessage(conversationId, again)
        const sent = yield* runs.tell(runId, message)
        deepStrictEqual([sent.duplicate, (yield* runs.tell(runId, message)).id], [false, sent.id])
        strictEqual((yield* conversations.addMessage(conversationId, ofRun)).id, first.id)
        strictEqual(new Set([first.id, other.id, sent.id as string]).size, 3)
      }),
    )

    test(
      "addMessage with a used idempotency key returns the first message",
      Effect.gen(function* () {
        const conversations = yield* Conversations
        const { id } = yield* conversations.create()
        const other = yield* conversations.create()
        const message = { role: "user", parts: [textPart("Hello")], idempotencyKey: "key-1" }
        const first = yield* conversations.addMessage(id, message)
        const again = yield* conversations.addMessage(id, { ...message, parts: [textPart("Changed")] })
        strictEqual(again.id, first.id)
        const { items } = yield* conversations.messages(id)
        deepStrictEqual(
          items.map(({ parts }) => parts),
          [[textPart("Hello")]],
        )
        // A key belongs to one conversation.
        const elsewhere = yield* conversations.addMessage(other.id, message)
        strictEqual(elsewhere.id === first.id, false)
      }),
    )

    test(
      "an unknown conversation is refused",
      Effect.gen(function* () {
        const conversations = yield* Conversations
        const id = Ids.ConversationId.make(yield* Ids.uuidV7)
        const message = { role: "user", parts: [textPart("Hello")] }
        strictEqual(yield* TestRuns.verdictOf(conversations.get(id)), "ConversationNotFound")
        strictEqual(yield* TestRuns.verdictOf(conversations.messages(id)), "ConversationNotFound")
        strictEqual(yield* TestRuns.verdictOf(conversations.addMessage(id, message)), "ConversationNotFound")
      }),
    )
  })
}
