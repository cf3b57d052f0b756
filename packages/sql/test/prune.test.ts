import { SqliteClient } from "@effect/sql-sqlite-node"
import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type AgentEvent, ControlPlane, Conversations, Ids, RunLog, Runs } from "@runlease/core"
import { Retention } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Effect } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

const agentId = Ids.AgentId.make("agent")
const publicId = Ids.RunId.make("long")

const tables = ["runs", "inputs", "queue", "outcomes", "events", "conversations", "messages"] as const

/** The number of rows of each table, read by a connection of its own. */
const countRows = (filename: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return yield* Effect.forEach(tables, (table) =>
      Effect.map(
        sql<{ readonly count: number }>`SELECT count(*) AS count FROM ${sql(table)}`,
        ([row]) => row!.count,
      ),
    )
  }).pipe(Effect.provide(SqliteClient.layer({ filename })))

const chunk: ReadonlyArray<AgentEvent.LogEvent> = Array.from({ length: 100 }, (_, value) => ({
  type: "CUSTOM",
  name: "n",
  value,
}))

describe("pruning an SQLite file", () => {
  it.scopedLive(
    "deletes a long log in parts, during which its run is not visible, also after a restart",
    () =>
      Effect.gen(function* () {
        const filename = yield* TempDatabase.filename
        const projectId = yield* Effect.gen(function* () {
          const runs = yield* Runs.Runs
          const log = yield* RunLog.RunLog
          const controlPlane = yield* ControlPlane.ControlPlane
          const conversations = yield* Conversations.Conversations
          const { id: conversationId } = yield* conversations.create()
          yield* conversations.addMessage(conversationId, { role: "user", parts: [] })
          const { run } = yield* runs.submit({ agentId, publicId, conversationId, initialStatus: "running" })
          yield* Effect.repeatN(log.append({ runId: publicId, events: chunk }), 49)
          yield* runs.complete(publicId, { status: "completed" })
          const pruned = yield* controlPlane.prune({ projectId: run.projectId, olderThan: 0 })
          deepStrictEqual(pruned, { pruned: 0, more: true })
          return run.projectId
        }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
        const [, , , , events] = yield* countRows(filename)
        strictEqual(events, 5002 - 2000)

        yield* Effect.gen(function* () {
          const runs = yield* Runs.Runs
          const log = yield* RunLog.RunLog
          strictEqual(yield* TestRuns.verdictOf(runs.get(publicId)), "RunNotFound")
          strictEqual(yield* TestRuns.verdictOf(log.read({ runId: publicId })), "RunNotFound")
          deepStrictEqual((yield* runs.list()).items, [])
          const { duplicate } = yield* runs.submit({ agentId, publicId })
          assertTrue(!duplicate)
          strictEqual(yield* Retention.pruneAll({ projectId, olderThan: 0 }), 1)
          strictEqual((yield* runs.get(publicId)).status, "pending")
        }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
        deepStrictEqual(yield* countRows(filename), [1, 1, 1, 0, 0, 1, 0])
      }),
  )

  it.scopedLive("deletes a long conversation in parts, during which it is not visible", () =>
    Effect.gen(function* () {
      const filename = yield* TempDatabase.filename
      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const controlPlane = yield* ControlPlane.ControlPlane
        const conversations = yield* Conversations.Conversations
        const { id: conversationId, projectId } = yield* conversations.create()
        yield* Effect.replicateEffect(
          conversations.addMessage(conversationId, { role: "user", parts: [] }),
          2500,
          { concurrency: 250, discard: true },
        )
        const { run } = yield* runs.submit({ agentId, conversationId })
        yield* runs.cancel(run.runId)
        const request = { projectId, olderThan: 0 }
        deepStrictEqual(yield* controlPlane.prune(request), { pruned: 1, more: true })
        strictEqual(yield* TestRuns.verdictOf(conversations.get(conversationId)), "ConversationNotFound")
        deepStrictEqual(yield* controlPlane.prune(request), { pruned: 0, more: false })
      }).pipe(Effect.provide(SqlControlPlane.layerSqlite({ filename })))
      deepStrictEqual(yield* countRows(filename), [0, 0, 0, 0, 0, 0, 0])
    }),
  )
})
