/**
 * Wake-ups between the servers that share a PostgreSQL database, by LISTEN and NOTIFY over a connection of their own.
 *
 * They are sent right after the commit, not in it: a transaction that notifies blocks the commits of all others that
 * notify until it is on the disk. A server that is alone sends none.
 *
 * Source: docs/decisions/0013-postgresql.md
 */
import { ControlPlaneUnavailable, Ids } from "@runlease/core"
import { type Wakeups } from "@runlease/core/store"
import { Data, Deferred, Duration, Effect, FiberId, Option, Queue, Schedule, type Scope } from "effect"
import type * as PostgresPool from "./PostgresPool.js"
import { acquireClient, clientConfig } from "./ClientConfig.js"
import * as WakeupMessage from "./WakeupMessage.js"

const channel = "runlease_wakeups"

/** Every server that listens holds this lock, shared, so that each can count the others. */
export const listenersLock = 0x72_6c_77_75

/** The interval at which a server checks its connection and counts the others. */
const checkInterval = Duration.seconds(15)

class ConnectionLost extends Data.TaggedError("ConnectionLost")<{ readonly cause: unknown }> {}

/** A connection that listens; `received` has its notifications, and `lost` fails once the connection is gone. */
const connect = (options: PostgresPool.Options) =>
  Effect.gen(function* () {
    const received = yield* Queue.unbounded<string>()
    const lost = Deferred.unsafeMake<never, ConnectionLost>(FiberId.none)
    const end = (cause: unknown) => Deferred.unsafeDone(lost, new ConnectionLost({ cause }))
    const client = yield* acquireClient(clientConfig(options))
    client.on("error", end)
    client.on("end", () => end(new Error("The connection ended")))
    client.on("notification", ({ payload }) => {
      if (payload !== undefined) Queue.unsafeOffer(received, payload)
    })
    const query = (text: string, values: ReadonlyArray<unknown> = []) =>
      Effect.tryPromise({
        try: async () => (await client.query(text, [...values])).rows as ReadonlyArray<unknown>,
        catch: (cause) => new ConnectionLost({ cause }),
      })
    yield* Effect.tryPromise({
      try: () => client.connect(),
      catch: (cause) => new ConnectionLost({ cause }),
    })
    return { query, received, lost }
  })

/**
 * Sends the wake-ups of this process to the other servers of the database, and receives theirs, for as long as the Scope
 * is open. It connects again whenever its connection is lost, and then wakes all waiters.
 *
 * Returns once the first connection is open or has failed.
 *
 * @category constructors
 */
export const link = (
  options: PostgresPool.Options,
  local: Wakeups.Wakeups,
): Effect.Effect<Wakeups.Wakeups, never, Scope.Scope> =>
  Effect.gen(function* () {
    const self = yield* Ids.uuidV7
    const outbox = WakeupMessage.makeOutbox()
    const pending = yield* Effect.makeLatch()
    const attempted = yield* Deferred.make<void>()
    /** Unknown while there is no connection. */
    let others: number | undefined
    let lossLogged = false

    const receive = ({ all, items = [] }: WakeupMessage.WakeupMessage): Effect.Effect<void> =>
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
              case "p":
                return local.freed([item[1]])
              case "l":
                return local.logsGrew([{ log: item[1], latest: item[2] ?? undefined }])
              case "c":
                return local.signal(item[1], { _tag: "Cancelled", runId: item[2] })
              case "t":
                return local.signal(item[1], { _tag: "MessageSent", runId: item[2], inbox: item[3] })
              case "d":
                return local.signal(item[1], { _tag: "Drain", drain: item[2] })
              case "e":
                return local.tokenEnded
            }
          },
          { discard: true },
        )
      })

    const session = Effect.gen(function* () {
      const { query, received, lost } = yield* connect(options)

      const countOthers = Effect.map(
        query(
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
        query("SELECT pg_notify($1, $2)", [channel, WakeupMessage.encode(message)])

      const sendAll = pending.await.pipe(
        Effect.zipRight(pending.close),
        Effect.zipRight(Effect.suspend(() => Effect.forEach(outbox.take(self), send, { discard: true }))),
        Effect.forever,
      )
      const receiveAll = Effect.flatMap(Queue.take(received), (payload) =>
        Option.match(WakeupMessage.decode(payload), {
          // A message of a later version.
          onNone: () => local.all,
          onSome: (message) => {
            if (message.from === self) return Effect.void
            return message.joined === true ? countOthers : receive(message)
          },
        }),
      ).pipe(Effect.forever)

      yield* query(`LISTEN ${channel}`)
      yield* query("SELECT pg_advisory_lock_shared($1)", [listenersLock])
      yield* countOthers
      yield* local.all
      yield* send({ from: self, joined: true })
      yield* Deferred.succeed(attempted, undefined)
      lossLogged = false
      const check = Effect.forever(Effect.zipRight(Effect.sleep(checkInterval), countOthers))
      yield* Effect.raceFirst(
        Deferred.await(lost),
        Effect.all([sendAll, receiveAll, check], { concurrency: "unbounded" }),
      )
    }).pipe(
      Effect.scoped,
      Effect.ensuring(
        Effect.sync(() => {
          others = undefined
        }),
      ),
    )

    // At once, then after longer and longer pauses.
    const again = Schedule.recurs(1).pipe(
      Schedule.andThen(ControlPlaneUnavailable.backoff("100 millis", "5 seconds")),
      Schedule.resetAfter("1 minute"),
    )
    const logLoss = Effect.fnUntraced(function* ({ cause }: ConnectionLost) {
      yield* Deferred.succeed(attempted, undefined)
      if (lossLogged) return
      lossLogged = true
      yield* Effect.logWarning(
        "The connection for wake-ups is lost; until it is back, waiting claims and followers poll",
        cause,
      )
    })
    yield* session.pipe(Effect.tapError(logLoss), Effect.retry(again), Effect.forkScoped)
    yield* Deferred.await(attempted)

    /** Puts wake-ups into the outbox, unless there is no other server. */
    const send = (put: (outbox: WakeupMessage.Outbox) => void): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (others === 0) return Effect.void
        put(outbox)
        return pending.open
      })

    return {
      ...local,
      runnable: (routes) =>
        Effect.suspend(() => {
          const all = [...routes]
          return Effect.zipRight(
            send(({ runnable }) => runnable(all)),
            local.runnable(all),
          )
        }),
      freed: (projectIds) =>
        Effect.suspend(() => {
          const all = [...projectIds]
          return Effect.zipRight(
            send(({ freed }) => freed(all)),
            local.freed(all),
          )
        }),
      logsGrew: (growths) =>
        Effect.suspend(() => {
          const all = [...growths]
          return Effect.zipRight(
            send(({ grew }) => grew(all)),
            local.logsGrew(all),
          )
        }),
      signal: (workerId, signal) =>
        Effect.zipRight(
          send((outbox) => outbox.signal(workerId, signal)),
          local.signal(workerId, signal),
        ),
      tokenEnded: Effect.zipRight(
        send((outbox) => outbox.tokenEnded()),
        local.tokenEnded,
      ),
    }
  })
