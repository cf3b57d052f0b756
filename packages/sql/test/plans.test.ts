import { SqliteClient } from "@effect/sql-sqlite-node"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import {
  Access,
  type AgentEvent,
  Claims,
  Conversations,
  Ids,
  Leases,
  Retention,
  type Run,
  RunLog,
  Runs,
  WorkerRegistry,
} from "@runlease/core"
import { Array, DateTime, Effect, Layer } from "effect"
import { TestClock } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

/** Reading one of the tables that grow with use from end to end, through an index or not. */
const scan =
  /\bSCAN (r|runs|d|run_details|events|e|s|sessions|m|messages|c|conversations|credentials|w|workers)\b/

/** Reading all runs of a project or a conversation. */
const history = /\bruns_by_(project|conversation)\b|\(project_id=\?\)$/

/**
 * A list of runs may; whoever asks for the existence of one stops at the first; and the plan of a new project names its
 * foreign keys' check, for runs that it cannot have.
 */
const mayReadHistory = (statement: string, step: string): boolean =>
  statement.includes("ORDER BY r.run_pk DESC") ||
  (step.includes("runs_by_conversation") && /EXISTS \(\s*SELECT 1 FROM runs r WHERE /.test(statement)) ||
  statement.startsWith("INSERT INTO projects")

/** What is to be found without looking at anything else, and the index that does it. */
const indexes = [
  "runs_runnable (project_id=? AND implementation_kind=? AND worker_key=?)",
  "runs_runnable_by_agent (project_id=? AND agent_id=? AND implementation_kind=? AND worker_key=?)",
  "runs_delayed (available_at<?)",
  "runs_leased (lease_expires_at<?)",
  "runs_expiring (waiting_expires_at<?)",
  "runs_in_lane (project_id=? AND lane=?)",
  "runs_finished (project_id=? AND finished_at<?)",
  "conversations_runless (project_id=? AND updated_at<?)",
  "PRIMARY KEY (run_pk=? AND event_id>?)",
]

/** Every port, used in every way that has statements of its own. */
const everything = Effect.gen(function* () {
  const [registry, runs, claims, leases, log, conversations, access] = yield* Effect.all([
    WorkerRegistry.WorkerRegistry,
    Runs.Runs,
    Claims.Claims,
    Leases.Leases,
    RunLog.RunLog,
    Conversations.Conversations,
    Access.Access,
  ])
  const agentId = Ids.AgentId.make("agent")
  const event: AgentEvent.AgentEvent = { type: "CUSTOM", name: "n", value: 1 }
  const worker = yield* registry.register({ implementationKind: "kind", workerKey: "key" })
  yield* registry.heartbeat(worker.id)
  yield* registry.list()

  const conversation = yield* conversations.create()
  yield* conversations.addMessage(conversation.id, { role: "user", parts: [], idempotencyKey: "once" })
  yield* conversations.messages(conversation.id)

  const inConversation = { agentId, conversationId: conversation.id }
  const { run: first } = yield* runs.submit(inConversation)
  const { run: second } = yield* runs.submit({ ...inConversation, parentRunId: first.runId })
  const soon = DateTime.add(yield* DateTime.now, { seconds: 5 })
  yield* runs.submit({ agentId, availableAt: soon, concurrencyKey: null, maxAttempts: 1 })

  const claim = (agentIds: ReadonlyArray<Ids.AgentId> = []) =>
    claims.claim({ workerId: worker.id, limit: 10, leaseDuration: "10 seconds", agentIds })
  const leaseOf = (run: Run.ClaimedRun): Run.LeaseRef => ({
    runId: run.runId,
    workerId: worker.id,
    epoch: run.leaseEpoch,
  })
  const held = leaseOf((yield* claim())[0]!)
  yield* leases.renew({ workerId: worker.id, leases: [held], leaseDuration: "10 seconds" })
  yield* log.append({ runId: held.runId, events: [event], fence: held })
  const { latestEventId, latestSequence } = yield* log.append({ runId: held.runId, events: [event] })
  yield* log.append({ runId: held.runId, events: [event, event], expectedEventId: latestEventId })
  yield* log.append({ runId: held.runId, events: [event, event], expectedSequence: latestSequence })
  yield* log.read({ runId: held.runId })
  yield* runs.recordSession(held, { sessionKey: "session" })
  yield* leases.suspend(held, { toolCallId: "call", toolName: "tool", expiresAfter: "1 hour" })
  yield* runs.resume(held.runId, { toolCallId: "call", result: 1 })
  yield* leases.release(leaseOf((yield* claim([agentId]))[0]!))
  yield* claim()
  yield* TestClock.adjust("20 seconds")
  yield* claim()
  yield* runs.complete(first.runId, { status: "completed", metadata: {} })
  yield* runs.cancel(second.runId)
  yield* runs.get(first.runId)
  yield* runs.list()
  yield* runs.list({ status: "completed", conversationId: conversation.id })

  const long = yield* runs.submit({ agentId, initialStatus: "running" })
  const hundred = Array.makeBy(100, () => event)
  yield* Effect.repeatN(log.append({ runId: long.run.runId, events: hundred }), 20)
  yield* runs.cancel(long.run.runId)
  yield* TestClock.adjust("1 second")
  yield* Retention.pruneAll({ projectId: long.run.projectId, olderThan: 0 }).pipe(
    Effect.raceFirst(Effect.forever(TestClock.adjust("10 millis"))),
  )

  const project = yield* access.getProject("default")
  const { key, token } = yield* access.createKey({ projectId: project.id, name: "key" })
  yield* access.authenticate(token)
  yield* access.listKeys(project.id)
  yield* access.revokeKey(project.id, key.id)
  yield* access.issueWorkerToken({ projectId: project.id, workerId: worker.id })
})

describe("query plans", () => {
  it.scoped("no statement reads more of a growing table than it gives", () =>
    Effect.gen(function* () {
      const file = yield* TempDatabase.filename
      // Migrations may take their time.
      yield* Effect.scoped(Layer.build(SqlControlPlane.layerSqlite({ filename: file })))
      const statements = new Map<string, ReadonlyArray<unknown>>()
      const record = Statement.setTransformer((statement) =>
        Effect.sync(() => {
          const [text, params] = statement.compile()
          statements.set(text, params)
          return statement
        }),
      )
      yield* Effect.provide(
        everything,
        Layer.provide(SqlControlPlane.layerSqlite({ filename: file }), record),
      ).pipe(Effect.provide(record))

      const sql = yield* Effect.map(Layer.build(SqliteClient.layer({ filename: file })), (context) =>
        SqlClient.SqlClient.pipe(Effect.provide(context)),
      ).pipe(Effect.flatten)
      const explained = Array.fromIterable(statements).filter(([text]) =>
        /^\s*(SELECT|INSERT|UPDATE|DELETE)/.test(text),
      )
      assert.isAbove(explained.length, 40)
      const plans = yield* Effect.forEach(explained, ([text, params]) =>
        Effect.map(
          sql.unsafe<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${text}`, params),
          (steps) => ({
            text,
            steps: steps.map(({ detail }) => detail),
          }),
        ),
      )
      const slow = plans.flatMap(({ text, steps }) =>
        steps
          .filter(
            (step) =>
              scan.test(step) ||
              (history.test(step) && / (r|runs|c|conversations) /.test(step) && !mayReadHistory(text, step)),
          )
          .map((step) => `${step}: ${text}`),
      )
      deepStrictEqual(slow, [])
      const all = plans.flatMap(({ steps }) => steps)
      deepStrictEqual(
        indexes.filter((index) => !all.some((step) => step.includes(index))),
        [],
      )
    }),
  )
})
