/**
 * Wake-ups between the servers that share a PostgreSQL database, by LISTEN and NOTIFY over a connection of their own.
 *
 * They are sent right after the commit, not in it: a transaction that notifies blocks the commits of all others that
 * notify until it is on the disk. A server that is alone sends none.
 *
 * Source: docs/decisions/0013-postgresql.md
 */
import { ControlPlaneUnavailable, Ids, type Leases, Run } from "@runlease/core"
import type { RunRows, Wakeups } from "@runlease/store"
import {
  Data,
  Deferred,
  Duration,
  Effect,
  FiberId,
  Option,
  Queue,
  Schedule,
  Schema,
  type Scope,
} from "effect"
import { acquireClient, clientConfig } from "./ClientConfig.js"
import type * as PostgresPool from "./PostgresPool.js"

/** The largest size of the items of a message: a notification has fewer than 8,000 bytes, and a message has more than its items. */
const maxBytes = 7000

/** With more items than this, a message wakes all waiters instead. */
const maxItems = 2000

const NullableText = Schema.NullOr(Schema.String)

const Item = Schema.Union(
  /** A number of runs became runnable: project, kind, key, agent, count, and their version where they have one. */
  Schema.Tuple(
    Schema.Literal("r"),
    Schema.String,
    NullableText,
    NullableText,
    Schema.String,
    Schema.Positive,
    Schema.optionalElement(Schema.String),
  ),
  /** Claims of this project may find room at its limit. */
  Schema.Tuple(Schema.Literal("p"), Schema.String),
  /** A log grew, up to this event unless it is null. */
  Schema.Tuple(Schema.Literal("l"), Schema.String, Schema.NullOr(Run.EventId)),
  /** A worker's run was cancelled. */
  Schema.Tuple(Schema.Literal("c"), Schema.String, Ids.RunId),
  /** The run of a worker has a new message; `inbox` counts its messages. */
  Schema.Tuple(Schema.Literal("t"), Schema.String, Ids.RunId, Schema.Positive),
  /** An operator requests that a worker claims no more runs, or claims again. */
  Schema.Tuple(Schema.Literal("d"), Schema.String, Schema.Boolean),
  /** A token has ended. */
  Schema.Tuple(Schema.Literal("e")),
)

type Item = typeof Item.Type

/**
 * `from` is the server that sends the message. `joined` says that it has begun to listen. `all` says that wake-ups were
 * left out, so all waiters must poll.
 */
const WakeupMessage = Schema.Struct({
  from: Schema.String,
  joined: Schema.optional(Schema.Literal(true)),
  all: Schema.optional(Schema.Literal(true)),
  items: Schema.optional(Schema.Array(Item)),
})

type WakeupMessage = typeof WakeupMessage.Type

export const encode = (message: WakeupMessage): string => JSON.stringify(message)

export const decode = Schema.decodeUnknownOption(Schema.parseJson(WakeupMessage))

/** Wake-ups that wait to be sent; equal ones are sent once. */
interface Outbox {
  readonly runnable: (routes: Iterable<RunRows.Route>) => void
  readonly freed: (projectIds: Iterable<string>) => void
  readonly grew: (growths: Iterable<Wakeups.LogGrowth>) => void
  readonly signal: (workerId: string, signal: Leases.LeaseSignal) => void
  readonly tokenEnded: () => void
  /** Replaces all wake-ups by one that wakes all waiters. */
  readonly all: () => void
  /** Empties the outbox into messages, each of which is small enough. */
  readonly take: (from: string) => ReadonlyArray<WakeupMessage>
}

export const makeOutbox = (): Outbox => {
  const items = new Map<string, Item>()
  let everything = false

  const put = (key: string, item: Item): void => {
    if (items.size >= maxItems) everything = true
    else items.set(key, item)
  }

  return {
    runnable: (routes) => {
      for (const { agentId, implementationKind, projectId, version, workerKey } of routes) {
        const key = JSON.stringify(["r", projectId, implementationKind, workerKey, agentId, version])
        const before = items.get(key)
        const count = before?.[0] === "r" ? before[5] + 1 : 1
        const item = ["r", projectId, implementationKind, workerKey, agentId, count] as const
        put(key, version === null ? item : [...item, version])
      }
    },
    freed: (projectIds) => {
      for (const projectId of projectIds) put(`p${projectId}`, ["p", projectId])
    },
    grew: (growths) => {
      for (const { latest, log } of growths) put(`l${log}`, ["l", log, latest ?? null])
    },
    signal: (workerId, signal) => {
      switch (signal._tag) {
        case "Cancelled":
          return put(`c${workerId}/${signal.runId}`, ["c", workerId, signal.runId])
        case "MessageSent":
          return put(`t${workerId}/${signal.runId}`, ["t", workerId, signal.runId, signal.inbox])
        case "Drain":
          return put(`d${workerId}`, ["d", workerId, signal.drain])
      }
    },
    tokenEnded: () => put("e", ["e"]),
    all: () => {
      everything = true
    },
    take: (from) => {
      const queued = [...items.values()]
      const all = everything
      items.clear()
      everything = false
      if (all) return [{ from, all: true }]
      const messages: Array<WakeupMessage> = []
      let some: Array<Item> = []
      let bytes = 0
      for (const item of queued) {
        const size = Buffer.byteLength(JSON.stringify(item)) + 1
        if (size > maxBytes) return [{ from, all: true }]
        if (bytes + size > maxBytes) {
          messages.push({ from, items: some })
          some = []
          bytes = 0
        }
        some.push(item)
        bytes += size
      }
      if (some.length > 0) messages.push({ from, items: some })
      return messages
    },
  }
}

const channel = "runlease_wakeups"

/** What a trigger notifies where rows were inserted into the outbox. */
const outboxChannel = "runlease_outbox"

/** Every server that listens holds this lock, shared, so that each can count the others. */
export const listenersLock = 0x72_6c_77_75

/** The interval at which a server checks its connection and counts the others. */
const checkInterval = Duration.seconds(15)

class ConnectionLost extends Data.TaggedError("ConnectionLost")<{ readonly cause: unknown }> {}

/** A connection that listens; `received` has the messages of servers, and `lost` fails once the connection is gone. */
const connect = (options: PostgresPool.Options, outboxGrew: () => void) =>
  Effect.gen(function* () {
    const received = yield* Queue.unbounded<string>()
    const lost = Deferred.unsafeMake<never, ConnectionLost>(FiberId.none)
    const end = (cause: unknown) => Deferred.unsafeDone(lost, new ConnectionLost({ cause }))
    const client = yield* acquireClient(clientConfig(options))
    client.on("error", end)
    client.on("end", () => end(new Error("The connection ended")))
    client.on("notification", (message) => {
      const { payload } = message
      if (message.channel === outboxChannel) outboxGrew()
      else if (payload !== undefined) Queue.unsafeOffer(received, payload)
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
 * Sends the wake-ups of this process to the other servers of the database, and receives theirs and those of the outbox, for as long as the
 * Scope is open. It connects again whenever its connection is lost, and then wakes all waiters.
 *
 * Returns once the first connection is open or has failed.
 */
export const link = (
  options: PostgresPool.Options,
  local: Wakeups.Wakeups,
  outboxGrew: () => void,
): Effect.Effect<Wakeups.Wakeups, never, Scope.Scope> =>
  Effect.gen(function* () {
    const self = yield* Ids.uuidV7
    const outbox = makeOutbox()
    const pending = yield* Effect.makeLatch()
    const attempted = yield* Deferred.make<void>()
    /** Unknown while there is no connection. */
    let others: number | undefined
    let lossLogged = false

    const receive = ({ all, items = [] }: WakeupMessage): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (all === true) return local.all
        return Effect.forEach(
          items,
          (item) => {
            switch (item[0]) {
              case "r": {
                const [, projectId, implementationKind, workerKey, agentId, count, version = null] = item
                return local.runnable(
                  Array.from({ length: count }, () => ({
                    projectId,
                    implementationKind,
                    workerKey,
                    version,
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
      const { query, received, lost } = yield* connect(options, outboxGrew)

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
      const send = (message: WakeupMessage) => query("SELECT pg_notify($1, $2)", [channel, encode(message)])

      const sendAll = pending.await.pipe(
        Effect.zipRight(pending.close),
        Effect.zipRight(Effect.suspend(() => Effect.forEach(outbox.take(self), send, { discard: true }))),
        Effect.forever,
      )
      const receiveAll = Effect.flatMap(Queue.take(received), (payload) =>
        Option.match(decode(payload), {
          // A message of a later version.
          onNone: () => local.all,
          onSome: (message) => {
            if (message.from === self) return Effect.void
            return message.joined === true ? countOthers : receive(message)
          },
        }),
      ).pipe(Effect.forever)

      yield* query(`LISTEN ${channel}`)
      yield* query(`LISTEN ${outboxChannel}`)
      outboxGrew()
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
    const send = (put: (outbox: Outbox) => void): Effect.Effect<void> =>
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
