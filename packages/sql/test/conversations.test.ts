import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Conversations, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { Context, Effect, Fiber, Layer } from "effect"
import { type Database, execute, postgres, sqlite, withoutVersions } from "./Databases.js"

/** Makes the database one of the version before. */
const former = [
  ...withoutVersions,
  "DROP TABLE webhook_sources",
  "DROP INDEX conversations_listed",
  "ALTER TABLE conversations DROP COLUMN listed",
  "DELETE FROM runlease_migrations WHERE migration_id >= 24",
]

/** 5,000 messages in each conversation: more than one commit deletes. */
const manyMessages = `INSERT INTO messages (conversation_pk, id, role, parts, created_at)
  WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000)
  SELECT c.conversation_pk, c.id || '/' || n, 'user', '[]', 0 FROM conversations c, numbers`

interface Counts {
  readonly conversations: number | string
  readonly messages: number | string
  readonly runs: number | string
  readonly events: number | string
}

const countAll = `SELECT (SELECT COUNT(*) FROM conversations) AS conversations, (SELECT COUNT(*) FROM messages) AS messages,
  (SELECT COUNT(*) FROM runs) AS runs, (SELECT COUNT(*) FROM events) AS events`

/** 5,000 messages more. */
const messagesOfPart = (part: number) => manyMessages.replace("'/' ||", `'/${part}/' ||`)

const countsOf = (made: Database) =>
  Effect.map(execute<Counts>(made, countAll), ([rows]) => {
    const { conversations, events, messages, runs } = rows![0]!
    return {
      conversations: Number(conversations),
      messages: Number(messages),
      runs: Number(runs),
      events: Number(events),
    }
  })

/** 6,000 conversations that come first in the list. */
const hay = `INSERT INTO conversations (id, project_id, title, listed, created_at, updated_at)
  WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 6000)
  SELECT 'conversation-' || n, p.id, 'Hay', 1, 0, 9000000000000 FROM projects p, numbers`

for (const [name, database] of [
  ["SQLite", sqlite],
  ["PostgreSQL", postgres],
] as const) {
  describe(`conversations (${name})`, () => {
    it.scopedLive("of the version before are listed where somebody used them", () =>
      Effect.gen(function* () {
        const made = yield* database
        const used = yield* Effect.gen(function* () {
          const { addMessage, create } = yield* Conversations.Conversations
          const titled = yield* create({ title: "Report" })
          const [said, twice] = yield* Effect.replicateEffect(TestRuns.submit(), 3)
          yield* addMessage(said!.conversationId, {
            role: "user",
            parts: [RequestSnapshot.textPart("Hello")],
          })
          yield* TestRuns.submit({ conversationId: twice!.conversationId })
          return [titled.id, said!.conversationId, twice!.conversationId]
        }).pipe(Effect.provide(made.controlPlane))
        yield* execute(made, ...former)
        const found = yield* Effect.flatMap(Conversations.Conversations, ({ list }) => list()).pipe(
          Effect.provide(made.controlPlane),
        )
        deepStrictEqual(new Set(found.items.map(({ id }) => id)), new Set(used))
      }),
    )

    it.scopedLive("one with more rows than a commit deletes is deleted whole", () =>
      Effect.gen(function* () {
        const made = yield* database
        yield* Effect.gen(function* () {
          const { create, get, remove } = yield* Conversations.Conversations
          const runs = yield* Runs.Runs
          const { id } = yield* create()
          const { id: other } = yield* create()
          const [long, short, elsewhere] = yield* Effect.forEach([id, id, other], (conversationId) =>
            TestRuns.submit({ conversationId, initialStatus: "running" }),
          )
          const log = yield* RunLog.RunLog
          const events = Array.from({ length: 100 }, () => AgentEvent.custom("x", 1))
          yield* Effect.forEach(Array.from({ length: 45 }), () => log.append({ runId: long!.runId, events }))
          yield* Effect.forEach([long!, short!, elsewhere!], ({ runId }) =>
            runs.complete(runId, { status: "completed" }),
          )
          yield* execute(made, manyMessages)
          yield* remove(id)
          const [[left]] = (yield* execute<Counts>(made, countAll)) as [[Counts]]
          deepStrictEqual(
            [Number(left.conversations), Number(left.messages), Number(left.runs)],
            [1, 5000, 1],
          )
          strictEqual(Number(left.events) < 10, true)
          strictEqual(yield* TestRuns.verdictOf(get(id)), "ConversationNotFound")
          strictEqual((yield* runs.get(elsewhere!.runId)).status, "completed")
        }).pipe(Effect.provide(made.controlPlane))
      }),
    )

    it.scopedLive("a delete that ended between its commits is finished by the next one", () =>
      Effect.gen(function* () {
        const made = yield* database
        yield* Effect.gen(function* () {
          const { create, get, remove } = yield* Conversations.Conversations
          const { id } = yield* create()
          const { runId } = yield* TestRuns.submit({ conversationId: id })
          yield* Effect.flatMap(Runs.Runs, (runs) => runs.cancel(runId))
          yield* execute(made, ...Array.from({ length: 6 }, (_, part) => messagesOfPart(part)))
          const deletion = yield* Effect.fork(remove(id))
          yield* Effect.repeat(Effect.zipRight(TestRuns.turn, countsOf(made)), {
            until: ({ runs }) => runs === 0,
          })
          yield* Fiber.interrupt(deletion)
          // The conversation is there with what is left of it, as after a crash.
          strictEqual((yield* get(id)).id, id)
          const left = yield* countsOf(made)
          assertTrue(left.messages > 0 && left.messages <= 30_000)
          yield* remove(id)
          deepStrictEqual(yield* countsOf(made), { conversations: 0, messages: 0, runs: 0, events: 0 })
        }).pipe(Effect.provide(made.controlPlane))
      }),
    )

    it.scopedLive("what another server does with a conversation comes before its delete or after it", () =>
      Effect.gen(function* () {
        const made = yield* database
        const other = Context.get(yield* Layer.build(made.controlPlane), Conversations.Conversations)
        yield* Effect.gen(function* () {
          const conversations = yield* Conversations.Conversations
          const runs = yield* Runs.Runs
          const message = { role: "user", parts: [RequestSnapshot.textPart("Hello")] }
          for (let round = 0; round < 20; round++) {
            const { id } = yield* conversations.create()
            const { id: messageId } = yield* conversations.addMessage(id, message)
            const [submitted, deleted, ...others] = yield* Effect.all(
              [
                TestRuns.verdictOf(runs.submit(TestRuns.submission({ conversationId: id }))),
                TestRuns.verdictOf(other.remove(id)),
                TestRuns.verdictOf(conversations.addMessage(id, message)),
                TestRuns.verdictOf(conversations.update(id, { title: "Trip" })),
                TestRuns.verdictOf(conversations.branch(id, { messageId })),
              ],
              { concurrency: "unbounded" },
            )
            deepStrictEqual(
              [submitted, deleted],
              deleted === "Succeeded"
                ? ["ConversationNotFound", "Succeeded"]
                : ["Succeeded", "ConversationInUse"],
            )
            for (const verdict of others) assertTrue(["ConversationNotFound", "Succeeded"].includes(verdict))
            const { id: again } = yield* conversations.create({ id })
            if (deleted !== "Succeeded") continue
            // The delete of one server and the creation by another: the conversation is there, or is gone.
            const [created, removed] = yield* Effect.all(
              [conversations.create({ id: again }), TestRuns.verdictOf(other.remove(again))],
              { concurrency: 2 },
            )
            deepStrictEqual([created.id, removed], [id, "Succeeded"])
          }
        }).pipe(Effect.provide(made.controlPlane))
      }),
    )

    it.scopedLive("a page of a search looks at a bounded number of conversations", () =>
      Effect.gen(function* () {
        const made = yield* database
        yield* Effect.gen(function* () {
          const { create, list } = yield* Conversations.Conversations
          const { id } = yield* create({ title: "Needle" })
          yield* execute(made, hay)
          const first = yield* list({ text: "needle" })
          deepStrictEqual(first.items, [])
          const second = yield* list({ text: "needle", cursor: first.next! })
          deepStrictEqual(
            second.items.map((each) => each.id),
            [id],
          )
          strictEqual(second.next, null)
        }).pipe(Effect.provide(made.controlPlane))
      }),
    )
  })
}
