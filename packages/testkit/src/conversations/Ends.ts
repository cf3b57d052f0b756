/** Conversations suite: how a conversation is deleted, and how another one begins at one of its messages. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { textPart } from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

const say = (conversationId: Ids.ConversationId, text: string, parentId?: string) =>
  Effect.flatMap(Conversations, ({ addMessage }) =>
    addMessage(conversationId, { role: "user", parts: [textPart(text)], parentId }),
  )

const textsOf = (conversationId: Ids.ConversationId) =>
  Effect.flatMap(Conversations, ({ messages }) =>
    Effect.map(messages(conversationId), ({ items }) => items.flatMap(({ parts }) => parts)),
  )

const unknown = Effect.map(Ids.uuidV7, Ids.ConversationId.make)

const removeTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "remove deletes a conversation with its messages and its runs, and nothing else",
    Effect.gen(function* () {
      const { create, get, list, messages, remove } = yield* Conversations
      const runs = yield* Runs
      const { id } = yield* create({ title: "Trip" })
      const { id: other } = yield* create({ title: "Other" })
      yield* say(id, "Hello")
      yield* say(other, "Hello")
      const [first, second, elsewhere] = yield* Effect.forEach([id, id, other], (conversationId) =>
        TestRuns.submit({ conversationId }),
      )
      yield* Effect.forEach([first!, second!, elsewhere!], ({ runId }) => runs.cancel(runId))
      yield* remove(id)
      strictEqual(yield* TestRuns.verdictOf(get(id)), "ConversationNotFound")
      strictEqual(yield* TestRuns.verdictOf(messages(id)), "ConversationNotFound")
      for (const run of [first!, second!]) {
        strictEqual(yield* TestRuns.verdictOf(runs.get(run.runId)), "RunNotFound")
      }
      deepStrictEqual(
        (yield* list()).items.map((conversation) => conversation.id),
        [other],
      )
      strictEqual((yield* runs.get(elsewhere!.runId)).status, "cancelled")
      strictEqual((yield* messages(other)).items.length, 1)
      strictEqual(yield* TestRuns.verdictOf(remove(id)), "ConversationNotFound")
      strictEqual(yield* TestRuns.verdictOf(remove(yield* unknown)), "ConversationNotFound")
      // Its name is free again.
      deepStrictEqual((yield* create({ id, title: "Anew" })).title, "Anew")
      deepStrictEqual(yield* textsOf(id), [])
    }),
  )

  test(
    "remove refuses a conversation of which a run is needed, and deletes nothing of it",
    Effect.gen(function* () {
      const { get, remove } = yield* Conversations
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const ended = yield* TestRuns.submit()
      yield* runs.cancel(ended.runId)
      const { conversationId } = ended
      const parent = yield* TestRuns.hold(worker, { conversationId })
      const refused = yield* Effect.flip(remove(conversationId))
      strictEqual(refused._tag === "ConversationInUse" && refused.runId, parent.runId)
      strictEqual((yield* runs.get(ended.runId)).status, "cancelled")
      const child = yield* leases.spawn(TestRuns.leaseOf(parent), {
        stepId: "step",
        name: "step",
        submission: { agentId: "agent", publicId: Ids.RunId.make(`child-of-${parent.runId}`) },
      })
      const { conversationId: ofChild } = yield* runs.get(child.runId)
      yield* runs.cancel(child.runId)
      // Its parent, which works, reads it.
      strictEqual(yield* TestRuns.verdictOf(remove(ofChild)), "ConversationInUse")
      yield* leases.complete(TestRuns.leaseOf(parent), { status: "completed" })
      yield* remove(conversationId)
      strictEqual(yield* TestRuns.verdictOf(get(conversationId)), "ConversationNotFound")
      yield* remove(ofChild)
      strictEqual(yield* TestRuns.verdictOf(runs.get(child.runId)), "RunNotFound")
    }),
  )
}

const branchTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a branch has copies of the messages up to one, and both go on apart",
    Effect.gen(function* () {
      const { branch, create, get, list, messages } = yield* Conversations
      const { id } = yield* create({ title: "Trip", metadata: { team: "sales" } })
      const first = yield* say(id, "one")
      const second = yield* say(id, "two", first.id)
      yield* say(id, "three")
      const made = yield* branch(id, { messageId: second.id })
      deepStrictEqual([made.title, made.metadata], ["Trip", { team: "sales" }])
      deepStrictEqual(made, yield* get(made.id))
      const [one, two, ...more] = (yield* messages(made.id)).items
      deepStrictEqual([one?.parts, two?.parts, more], [[textPart("one")], [textPart("two")], []])
      assertTrue(one!.id !== first.id && two!.id !== second.id)
      deepStrictEqual([one!.parentId, two!.parentId], [null, one!.id])
      deepStrictEqual([one!.createdAt, one!.role], [first.createdAt, "user"])
      yield* say(made.id, "another three")
      deepStrictEqual(yield* textsOf(id), ["one", "two", "three"].map(textPart))
      deepStrictEqual(yield* textsOf(made.id), ["one", "two", "another three"].map(textPart))
      assertTrue((yield* list()).items.some((each) => each.id === made.id))
    }),
  )

  test(
    "a branch whose id is given is made once, with its title",
    Effect.gen(function* () {
      const { branch, create, messages } = yield* Conversations
      const { id: source } = yield* create({ title: "Trip" })
      const { id: messageId } = yield* say(source, "one")
      const id = yield* unknown
      const made = yield* branch(source, { id, title: "Another trip", messageId })
      deepStrictEqual([made.id, made.title], [id, "Another trip"])
      deepStrictEqual(yield* branch(source, { id, title: "No", messageId }), made)
      strictEqual((yield* messages(id)).items.length, 1)
    }),
  )

  test(
    "a branch at no message of the conversation is refused, and one of too many bytes",
    Effect.gen(function* () {
      const { branch, create } = yield* Conversations
      const { id } = yield* create()
      const { id: other } = yield* create()
      const { id: messageId } = yield* say(other, "elsewhere")
      const reasonOf = (of: Ids.MessageId) =>
        Effect.map(Effect.flip(branch(id, { messageId: of })), (error) =>
          error._tag === "BranchRefused" ? error.reason : error._tag,
        )
      strictEqual(yield* reasonOf(messageId), "no_message")
      strictEqual(yield* TestRuns.verdictOf(branch(yield* unknown, { messageId })), "ConversationNotFound")
      const large = yield* Effect.forEach(Array.from({ length: 5 }), () => say(id, "x".repeat(900_000)))
      strictEqual(yield* reasonOf(large[4]!.id), "too_large")
      strictEqual((yield* branch(id, { messageId: large[3]!.id })).title, null)
    }),
  )
}

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  removeTests(test)
  branchTests(test)
}
