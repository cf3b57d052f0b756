/**
 * Wake-ups between the servers that share a PostgreSQL database, by LISTEN and NOTIFY over a connection of their own.
 *
 * They are told right after the commit, not in it: a transaction that notifies keeps all others that do from
 * committing until it is on the disk. A server that is alone tells nothing.
 *
 * Source: docs/decisions/0013-postgresql.md
 *
 * @since 0.1.0
 */
import { ControlPlaneUnavailable, Ids, type Wakeups } from "@runlease/core"
import { Data, Deferred, Duration, Effect, FiberId, Option, Queue, Schedule, type Scope } from "effect"
import * as Pg from "pg"
import type * as PostgresPool from "./PostgresPool.js"
import { clientConfig } from "./ClientConfig.js"
import * as WakeupMessage from "./WakeupMessage.js"

const channel = "runlease_wakeups"

/** Who listens holds this lock, shared, so that each can count the others. */
const listenersLock = 0x72_6c_77_75

/** How often to look whether the connection lives and who else listens. */
const lookInterval = Duration.seconds(15)

class ConnectionLost extends Data.TaggedError("ConnectionLost")<{ readonly cause: unknown }> {}

/** A connection that listens; `heard` is what it hears, and `lost` fails once it is gone. */
const connect = (options: PostgresPool.Options) =>
  Effect.gen(function* () {
    const heard = yield* Queue.unbounded<string>()
    const lost = Deferred.unsafeMake<never, ConnectionLost>(FiberId.none)
    const end = (cause: unknown) => Deferred.unsafeDone(lost, new ConnectionLost({ cause }))
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => new Pg.Client(clientConfig(options))),
      (opened) => Effect.promise(() => opened.end().catch(() => {})),
    )
    client.on("error", end)
    client.on("end", () => end(new Error("The connection ended")))
    client.on("notification", ({ payload }) => {
      if (payload !== undefined) Queue.unsafeOffer(heard, payload)
    })
    const ask = (text: string, values: ReadonlyArray<unknown> = []) =>
      Effect.tryPromise({
        try: async () => (await client.query(text, [...values])).rows as ReadonlyArray<unknown>,
        catch: (cause) => new ConnectionLost({ cause }),
      })
    yield* Effect.tryPromise({
      try: () => client.connect(),
      catch: (cause) => new ConnectionLost({ cause }),
    })
    return { ask, heard, lost }
  })

/**
 * The wake-ups of this process, told to the other servers of the database too, and those of the others told here, for
 * as long as the Scope is open. It connects by itself, and again whenever its connection is lost; then whoever waits
 * looks for himself.
 *
 * It is there when the first connection is, or has failed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const link = (
  options: PostgresPool.Options,
  local: Wakeups.Wakeups,
): Effect.Effect<Wakeups.Wakeups, never, Scope.Scope> =>
  Effect.gen(function* () {
    const self = yield* Ids.uuidV7
    const outbox = WakeupMessage.makeOutbox()
    const something = yield* Effect.makeLatch()
    const tried = yield* Deferred.make<void>()
    /** Unknown while there is no connection. */
    let others: number | undefined
    let lossTold = false

    const told = ({ all, items = [] }: WakeupMessage.WakeupMessage): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (all === true) return local.all
        return Effect.forEach(
          items,
          (item) => {
            switch (item[0]) {
              case "r": {
                const [, projectId, implementationKind, workerKey, agentId, count] = item
                return local.runnable(
                  Array.from({ length: count }, () => ({
                    projectId,
                    implementationKind,
                    workerKey,
                    agentId,
                  })),
                )
              }
              case "l":
                return local.logsGrew([{ log: item[1], latest: item[2] ?? undefined }])
              case "c":
                return local.signal(item[1], { _tag: "Cancelled", runId: item[2] })
            }
          },
          { discard: true },
        )
      })

    const session = Effect.gen(function* () {
      const { ask, heard, lost } = yield* connect(options)

      const lookWhoListens = Effect.map(
        ask(
          `SELECT count(DISTINCT pid)::int AS others FROM pg_locks WHERE locktype = 'advisory' AND classid = 0
            AND objid = $1 AND objsubid = 1 AND pid <> pg_backend_pid()
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
          [listenersLock],
        ),
        ([row]) => {
          others = (row as { readonly others: number }).others
        },
      )
      const send = (message: WakeupMessage.WakeupMessage) =>
        ask("SELECT pg_notify($1, $2)", [channel, WakeupMessage.encode(message)])

      const sendAll = something.await.pipe(
        Effect.zipRight(something.close),
        Effect.zipRight(Effect.suspend(() => Effect.forEach(outbox.take(self), send, { discard: true }))),
        Effect.forever,
      )
      const hear = Effect.flatMap(Queue.take(heard), (payload) =>
        Option.match(WakeupMessage.decode(payload), {
          // Of a later version.
          onNone: () => local.all,
          onSome: (message) => {
            if (message.from === self) return Effect.void
            return message.joined === true ? lookWhoListens : told(message)
          },
        }),
      ).pipe(Effect.forever)

      yield* ask(`LISTEN ${channel}`)
      yield* ask("SELECT pg_advisory_lock_shared($1)", [listenersLock])
      yield* lookWhoListens
      yield* local.all
      yield* send({ from: self, joined: true })
      yield* Deferred.succeed(tried, undefined)
      lossTold = false
      const look = Effect.forever(Effect.zipRight(Effect.sleep(lookInterval), lookWhoListens))
      yield* Effect.raceFirst(
        Deferred.await(lost),
        Effect.all([sendAll, hear, look], { concurrency: "unbounded" }),
      )
    }).pipe(
      Effect.scoped,
      Effect.ensuring(
        Effect.sync(() => {
          others = undefined
        }),
      ),
    )

    // At once, then ever later.
    const again = Schedule.recurs(1).pipe(
      Schedule.andThen(ControlPlaneUnavailable.backoff("100 millis", "5 seconds")),
      Schedule.resetAfter("1 minute"),
    )
    const tellLoss = Effect.fnUntraced(function* ({ cause }: ConnectionLost) {
      yield* Deferred.succeed(tried, undefined)
      if (lossTold) return
      lossTold = true
      yield* Effect.logWarning(
        "The connection for wake-ups is lost; until it is back, whoever waits polls",
        cause,
      )
    })
    yield* session.pipe(Effect.tapError(tellLoss), Effect.retry(again), Effect.forkScoped)
    yield* Deferred.await(tried)

    /** While the connection is away, the others are to look for themselves once it is back. */
    const tell = (put: (outbox: WakeupMessage.Outbox) => void): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (others === 0) return Effect.void
        put(outbox)
        return something.open
      })

    return {
      ...local,
      runnable: (routes) =>
        Effect.suspend(() => {
          const all = [...routes]
          return Effect.zipRight(
            tell(({ runnable }) => runnable(all)),
            local.runnable(all),
          )
        }),
      logsGrew: (growths) =>
        Effect.suspend(() => {
          const all = [...growths]
          return Effect.zipRight(
            tell(({ grew }) => grew(all)),
            local.logsGrew(all),
          )
        }),
      signal: (workerId, signal) =>
        Effect.zipRight(
          tell(({ cancelled }) => cancelled(workerId, signal.runId)),
          local.signal(workerId, signal),
        ),
    }
  })
