import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, Claims, Conversations, Ids, Leases, Runs, WorkerRegistry } from "@runlease/core"
import { Context, Effect, Either, Exit, Fiber, Layer, Option, Ref, type Redacted } from "effect"
import { Migrations, PostgresPool, SqlControlPlane } from "../src/index.js"
import * as SqlDialect from "../src/SqlDialect.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

const agentId = Ids.AgentId.make("agent")

/** A server's control plane, by the database's time. */
const server = (url: Redacted.Redacted) =>
  Layer.build(SqlControlPlane.layerPostgres({ url, maxConnections: 4 }))

const servers = (count: number) =>
  Effect.flatMap(PostgresDatabase.url, (url) =>
    Effect.map(Effect.all(Array.from({ length: count }, () => server(url))), (planes) => ({ planes, url })),
  )

type Plane = Effect.Effect.Success<ReturnType<typeof server>>

const register = (plane: Plane, workerKey: string) =>
  Context.get(plane, WorkerRegistry.WorkerRegistry).register({ implementationKind: "kind", workerKey })

/** Claims and ends runs until `done` is true, and reports each start and end. `started` gets the time at which the claim was sent. */
const work = (
  plane: Plane,
  workerKey: string,
  on: {
    readonly started: (runId: string, claimedAt: number) => void
    readonly ended: (runId: string) => void
  },
  done: Effect.Effect<boolean>,
) =>
  Effect.gen(function* () {
    const claims = Context.get(plane, Claims.Claims)
    const runs = Context.get(plane, Runs.Runs)
    const leases = Context.get(plane, Leases.Leases)
    const { id: workerId } = yield* register(plane, workerKey)
    let turn = 0
    while (!(yield* done)) {
      const claimedAt = performance.now()
      const taken = yield* claims.claim({
        workerId,
        limit: 3,
        leaseDuration: "60 seconds",
        wait: "200 millis",
      })
      for (const { leaseEpoch: epoch, runId } of taken) {
        on.started(runId, claimedAt)
        yield* Effect.yieldNow()
        turn += 1
        on.ended(runId)
        // A cancel ends the lease.
        if (turn % 7 === 0)
          yield* Effect.catchTag(leases.release({ runId, workerId, epoch }), "LeaseLost", () => Effect.void)
        else yield* runs.complete(runId, { status: "completed" }, { workerId, epoch })
      }
    }
  })

describe("servers that work on one PostgreSQL database at once", () => {
  it.scopedLive("migrate an empty database once when many start together", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      yield* Effect.all(
        Array.from({ length: 10 }, () => server(url)),
        { concurrency: "unbounded" },
      )
      deepStrictEqual(
        yield* PostgresDatabase.ask(url, "SELECT name FROM runlease_migrations ORDER BY migration_id"),
        Object.keys(Migrations.all).map((name) => ({ name: name.slice("0000_".length) })),
      )
      deepStrictEqual(yield* PostgresDatabase.ask(url, "SELECT slug FROM projects"), [{ slug: "default" }])
    }),
  )

  it.scopedLive("leave no valid worker token of a key that is revoked during registrations", () =>
    Effect.gen(function* () {
      const { planes } = yield* servers(3)
      const [first, ...others] = planes
      const access = Context.get(first!, Access.Access)
      const project = yield* access.getProject("default")
      const { id: workerId } = yield* register(first!, "worker")
      let refused = 0
      for (let round = 0; round < 30; round++) {
        const { key } = yield* access.createKey({ projectId: project.id, name: "lost" })
        const issue = (plane: Plane) =>
          Context.get(plane, Access.Access)
            .issueWorkerToken({ projectId: project.id, workerId, issuedBy: key.id })
            .pipe(Effect.either)
        const [, ...issued] = yield* Effect.all(
          [access.revokeKey(project.id, key.id), ...others.map(issue), ...others.map(issue)],
          { concurrency: "unbounded" },
        )
        for (const token of issued) {
          if (Either.isLeft(token)) refused += 1
          else deepStrictEqual(yield* access.authenticate(token.right), Option.none())
        }
      }
      assertTrue(refused > 0)
    }),
  )

  it.scopedLive("accept one public id once, from any server", () =>
    Effect.gen(function* () {
      const { planes } = yield* servers(3)
      const ids = Array.from({ length: 40 }, (_, index) => Ids.RunId.make(`run-${index}`))
      const answers = yield* Effect.forEach(
        ids.flatMap((publicId) => planes.map((plane) => ({ plane, publicId }))),
        ({ plane, publicId }) => Context.get(plane, Runs.Runs).submit({ agentId, publicId }),
        { concurrency: "unbounded" },
      )
      strictEqual(answers.filter(({ duplicate }) => !duplicate).length, ids.length)
      deepStrictEqual(new Set(answers.map(({ run }) => run.conversationId)).size, ids.length)
    }),
  )

  it.scopedLive("never let two runs of a lane overlap, and lose no run that waits behind another", () =>
    Effect.gen(function* () {
      const { planes } = yield* servers(3)
      const lanes = Array.from({ length: 6 }, (_, index) => `lane-${index}`)
      const laneOf = new Map<string, string>()
      const running = new Map(lanes.map((lane) => [lane, new Set<string>()]))
      const overlaps: Array<readonly [string, string]> = []
      const cancelledAt = new Map<string, number>()
      const startedLate: Array<string> = []
      const submitted = yield* Ref.make(false)
      const left = new Set<string>()
      const on = {
        started: (runId: string, claimedAt: number) => {
          if (claimedAt > (cancelledAt.get(runId) ?? Infinity)) startedLate.push(runId)
          const others = running.get(laneOf.get(runId)!)!
          for (const other of others) overlaps.push([other, runId])
          others.add(runId)
        },
        ended: (runId: string) => void running.get(laneOf.get(runId)!)!.delete(runId),
      }
      const submitAll = Effect.forEach(
        Array.from({ length: 150 }, (_, index) => index),
        (index) =>
          Effect.gen(function* () {
            const runs = Context.get(planes[index % 3]!, Runs.Runs)
            const publicId = Ids.RunId.make(`run-${index}`)
            const lane = lanes[index % lanes.length]!
            laneOf.set(publicId, lane)
            yield* runs.submit({ agentId, publicId, concurrencyKey: lane })
            left.add(publicId)
            // Some runs are cancelled from another server, most of them while they wait behind others.
            if (index % 5 !== 0) return
            const answer = yield* Context.get(planes[(index + 1) % 3]!, Runs.Runs).cancel(publicId)
            if (answer.cancelled) cancelledAt.set(publicId, performance.now())
          }),
        { concurrency: 30 },
      ).pipe(Effect.zipRight(Ref.set(submitted, true)))
      const unfinished = Effect.map(
        Effect.forEach(["pending", "running"] as const, (status) =>
          Context.get(planes[0]!, Runs.Runs).list({ status, limit: 1 }),
        ),
        (pages) => pages.some(({ items }) => items.length > 0),
      )
      const done = Effect.orDie(Effect.zipWith(Ref.get(submitted), unfinished, (all, some) => all && !some))
      yield* Effect.all(
        [
          submitAll,
          ...planes.flatMap((plane, index) => [
            work(plane, `a-${index}`, on, done),
            work(plane, `b-${index}`, on, done),
          ]),
        ],
        { concurrency: "unbounded" },
      )
      // A run that was claimed and then cancelled may start here when the next of its lane has begun, but no claim takes one later.
      deepStrictEqual(
        overlaps.filter((runIds) => !runIds.some((runId) => cancelledAt.has(runId))),
        [],
      )
      deepStrictEqual(startedLate, [])
      strictEqual(left.size, 150)
    }),
  )

  it.scopedLive("let a run go that one server puts behind another while a second server ends that one", () =>
    Effect.gen(function* () {
      const { planes, url } = yield* servers(2)
      const [first, second] = planes
      const runs = Context.get(first!, Runs.Runs)
      const claims = Context.get(first!, Claims.Claims)
      const { id: workerId } = yield* register(first!, "worker")
      const claim = claims.claim({ workerId, limit: 1, leaseDuration: "60 seconds" })
      yield* runs.submit({ agentId, concurrencyKey: "lane" })
      const [held] = yield* claim

      const blocker = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
      const sql = Context.get(blocker, SqlClient.SqlClient)
      yield* sql`BEGIN`
      yield* sql`LOCK TABLE inputs IN SHARE MODE`
      // The submission has looked at its lane, and waits for the lock before it commits.
      const submitting = yield* Effect.fork(
        Context.get(second!, Runs.Runs).submit({ agentId, concurrencyKey: "lane" }),
      )
      yield* PostgresDatabase.waitersFor(url, 1)
      const completing = yield* Effect.fork(
        runs.complete(held!.runId, { status: "completed" }, { workerId, epoch: held!.leaseEpoch }),
      )
      // The end waits for the submission, unless it ends without seeing it.
      yield* Effect.raceFirst(Fiber.await(completing), PostgresDatabase.waitersFor(url, 2))
      yield* sql`COMMIT`
      const { run } = yield* Fiber.join(submitting)
      yield* Fiber.join(completing)
      deepStrictEqual(
        (yield* claim).map(({ runId }) => runId),
        [run.runId],
      )
    }),
  )

  it.scopedLive("let a run go when two servers end the two before it at once", () =>
    Effect.gen(function* () {
      const { planes, url } = yield* servers(2)
      const [first, second] = planes
      const runs = Context.get(first!, Runs.Runs)
      const { id: workerId } = yield* register(first!, "worker")
      const claim = Context.get(first!, Claims.Claims).claim({
        workerId,
        limit: 1,
        leaseDuration: "60 seconds",
      })
      yield* runs.submit({ agentId, concurrencyKey: "lane" })
      const [leased] = yield* claim
      // A run that its submitter drives has no run before it.
      const driven = yield* runs.submit({ agentId, concurrencyKey: "lane", initialStatus: "running" })
      const last = yield* runs.submit({ agentId, concurrencyKey: "lane" })

      const blocker = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
      const sql = Context.get(blocker, SqlClient.SqlClient)
      yield* sql`BEGIN`
      yield* sql`LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE`
      // This end has looked for the next of the lane, and waits for the lock before it commits.
      const ending = yield* Effect.fork(
        Context.get(second!, Runs.Runs).complete(driven.run.runId, { status: "completed" }),
      )
      yield* PostgresDatabase.waitersFor(url, 1)
      const completing = yield* Effect.fork(
        Context.get(first!, Leases.Leases).complete(
          { runId: leased!.runId, workerId, epoch: leased!.leaseEpoch },
          { status: "completed" },
        ),
      )
      // The other end waits for the first, unless it ends without seeing it.
      yield* Effect.raceFirst(Fiber.await(completing), PostgresDatabase.waitersFor(url, 2))
      yield* sql`COMMIT`
      yield* Fiber.join(ending)
      yield* Fiber.join(completing)
      deepStrictEqual(
        (yield* claim).map(({ runId }) => runId),
        [last.run.runId],
      )
    }),
  )

  for (const [name, use] of [
    ["a message", ({ addMessage }, id, _messageId) => addMessage(id, { role: "user", parts: [] })],
    ["a branch", ({ branch }, id, messageId) => branch(id, { messageId })],
    ["a change", ({ update }, id, _messageId) => update(id, { title: "Trip" })],
  ] as ReadonlyArray<
    readonly [
      string,
      (
        conversations: Conversations.Conversations["Type"],
        id: Ids.ConversationId,
        messageId: Ids.MessageId,
      ) => Effect.Effect<unknown, { readonly _tag: string }>,
    ]
  >) {
    it.scopedLive(`find no conversation for ${name} once a delete of it commits meanwhile`, () =>
      Effect.gen(function* () {
        const { planes, url } = yield* servers(1)
        const conversations = Context.get(planes[0]!, Conversations.Conversations)
        const { id } = yield* conversations.create()
        const { id: messageId } = yield* conversations.addMessage(id, { role: "user", parts: [] })

        const deleter = yield* Layer.build(PostgresPool.layerWith({ url, maxConnections: 1 }))
        const sql = Context.get(deleter, SqlClient.SqlClient)
        yield* sql`BEGIN`
        yield* sql`DELETE FROM messages`
        yield* sql`DELETE FROM conversations`
        const using = yield* Effect.fork(Effect.flip(use(conversations, id, messageId)))
        yield* Effect.raceFirst(Fiber.await(using), PostgresDatabase.waitersFor(url, 1))
        yield* sql`COMMIT`
        strictEqual((yield* Fiber.join(using))._tag, "ConversationNotFound")
      }),
    )
  }

  it.scopedLive("prune concurrently without counting a run twice", () =>
    Effect.gen(function* () {
      const { planes, url } = yield* servers(3)
      const runs = Context.get(planes[0]!, Runs.Runs)
      const made = yield* Effect.replicateEffect(
        Effect.flatMap(runs.submit({ agentId }), ({ run }) => runs.cancel(run.runId)),
        90,
        { concurrency: 30 },
      )
      const { projectId } = made[0]!.run
      const pruned = yield* Effect.forEach(
        planes,
        (plane) => Effect.provide(PostgresDatabase.pruneAll(projectId), plane),
        { concurrency: "unbounded" },
      )
      strictEqual(
        pruned.reduce((sum, count) => sum + count, 0),
        90,
      )
      deepStrictEqual(
        yield* PostgresDatabase.ask(url, "SELECT 1 FROM runs UNION ALL SELECT 1 FROM events"),
        [],
      )
    }),
  )
})

describe("a transaction on PostgreSQL", () => {
  it.scopedLive("is retried when a concurrent one wins", () =>
    Effect.gen(function* () {
      const url = yield* PostgresDatabase.url
      const context = yield* Layer.build(PostgresPool.layerWith({ url }))
      const sql = Context.get(context, SqlClient.SqlClient)
      const dialect = yield* SqlDialect.dialectOf(sql)
      yield* sql`CREATE TABLE two (id bigint PRIMARY KEY, times bigint NOT NULL)`
      yield* sql`INSERT INTO two VALUES (1, 0), (2, 0)`
      const bothBegun = yield* Effect.makeLatch()
      const attempts = yield* Ref.make(0)
      /** Locks the rows in this order, and the second only once both transactions have their first. */
      const inOrder = (ids: readonly [number, number]) =>
        dialect.transact(
          Effect.gen(function* () {
            yield* sql`UPDATE two SET times = times + 1 WHERE id = ${ids[0]}`
            if ((yield* Ref.updateAndGet(attempts, (count) => count + 1)) === 2) yield* bothBegun.open
            yield* bothBegun.await
            yield* sql`UPDATE two SET times = times + 1 WHERE id = ${ids[1]}`
          }),
        )
      yield* Effect.all([inOrder([1, 2]), inOrder([2, 1])], { concurrency: "unbounded" })
      // The one that is undone may begin again before the other has gone on, and meet it once more.
      assertTrue((yield* Ref.get(attempts)) > 2)
      deepStrictEqual(yield* sql`SELECT id, times FROM two ORDER BY id`, [
        { id: 1, times: 2 },
        { id: 2, times: 2 },
      ])
    }),
  )

  it.scopedLive("whose last statement fails commits nothing, although COMMIT was pipelined", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(PostgresPool.layerWith({ url: yield* PostgresDatabase.url }))
      const sql = Context.get(context, SqlClient.SqlClient)
      const dialect = yield* SqlDialect.dialectOf(sql)
      yield* sql`CREATE TABLE numbers (n bigint PRIMARY KEY)`
      const add = (n: string) => Effect.asVoid(sql`INSERT INTO numbers VALUES (${n})`)
      const ending = (...numbers: ReadonlyArray<string>) =>
        dialect.transact(dialect.together(numbers.map(add), "commit"))
      yield* ending("1", "2")
      const error = yield* Effect.flip(ending("3", "none", "4"))
      strictEqual(String(error.cause), 'error: invalid input syntax for type bigint: "none"')
      yield* ending("5")
      deepStrictEqual(yield* sql`SELECT n FROM numbers ORDER BY n`, [{ n: 1 }, { n: 2 }, { n: 5 }])
    }),
  )

  it.scopedLive("fails after repeated serialization failures", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(PostgresPool.layerWith({ url: yield* PostgresDatabase.url }))
      const sql = Context.get(context, SqlClient.SqlClient)
      const dialect = yield* SqlDialect.dialectOf(sql)
      const attempts = yield* Ref.make(0)
      const exit = yield* Effect.exit(
        dialect.transact(
          Effect.zipRight(
            Ref.update(attempts, (count) => count + 1),
            sql`DO $$ BEGIN RAISE EXCEPTION 'spoilt' USING ERRCODE = 'serialization_failure'; END $$`,
          ),
        ),
      )
      assertTrue(Exit.isFailure(exit))
      const tried = yield* Ref.get(attempts)
      assertTrue(tried > 3 && tried < 20)
    }),
  )
})
