import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Conversations, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { Effect } from "effect"
import { execute, postgres, sqlite } from "./Databases.js"

/** Makes the database one of the version before. */
const former = [
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
