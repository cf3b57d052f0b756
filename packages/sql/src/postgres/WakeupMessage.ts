/** Wake-ups as the servers of one database send them to each other. */
import { Ids, type Leases, Run } from "@runlease/core"
import { type RunRows, type Wakeups } from "@runlease/core/store"
import { Schema } from "effect"

/** The largest size of the items of a message: a notification has fewer than 8,000 bytes, and a message has more than its items. */
const maxBytes = 7000

/** With more items than this, a message wakes all waiters instead. */
const maxItems = 2000

const NullableText = Schema.NullOr(Schema.String)

const Item = Schema.Union(
  /** A number of runs became runnable: project, kind, key, agent, count. */
  Schema.Tuple(
    Schema.Literal("r"),
    Schema.String,
    NullableText,
    NullableText,
    Schema.String,
    Schema.Positive,
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
 *
 * @category models
 */
export const WakeupMessage = Schema.Struct({
  from: Schema.String,
  joined: Schema.optional(Schema.Literal(true)),
  all: Schema.optional(Schema.Literal(true)),
  items: Schema.optional(Schema.Array(Item)),
})
export type WakeupMessage = typeof WakeupMessage.Type

export const encode = (message: WakeupMessage): string => JSON.stringify(message)
export const decode = Schema.decodeUnknownOption(Schema.parseJson(WakeupMessage))

/** Wake-ups that wait to be sent; equal ones are sent once. */
export interface Outbox {
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
      for (const { agentId, implementationKind, projectId, workerKey } of routes) {
        const key = JSON.stringify(["r", projectId, implementationKind, workerKey, agentId])
        const before = items.get(key)
        const count = before?.[0] === "r" ? before[5] + 1 : 1
        put(key, ["r", projectId, implementationKind, workerKey, agentId, count])
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
