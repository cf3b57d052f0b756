/**
 * Wake-ups as the servers of one database tell them to each other.
 *
 * @since 0.1.0
 */
import { Ids, Run, type Wakeups } from "@runlease/core"
import { Schema } from "effect"

/** A notification holds fewer than 8,000 bytes; this leaves room for what is around the items. */
const maxBytes = 7000

/** When more has gathered, everybody looks for himself. */
const maxItems = 2000

const NullableText = Schema.NullOr(Schema.String)

const Item = Schema.Union(
  /** So many runs became runnable: project, kind, key, agent, count. */
  Schema.Tuple(
    Schema.Literal("r"),
    Schema.String,
    NullableText,
    NullableText,
    Schema.String,
    Schema.Positive,
  ),
  /** A log grew, up to this event where that is known. */
  Schema.Tuple(Schema.Literal("l"), Schema.String, Schema.NullOr(Run.EventId)),
  /** A worker's run was cancelled. */
  Schema.Tuple(Schema.Literal("c"), Schema.String, Ids.RunId),
)
type Item = typeof Item.Type

/**
 * `from`: who says it. `joined`: a server has begun to listen. `all`: something was left out, so everybody is to look
 * for himself.
 *
 * @since 0.1.0
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

/** What is to be told, gathered until it can be: what is alike is told once. */
export interface Outbox {
  readonly runnable: (routes: Iterable<Wakeups.Route>) => void
  readonly grew: (growths: Iterable<Wakeups.LogGrowth>) => void
  readonly cancelled: (workerId: string, runId: Ids.RunId) => void
  /** Everything is told by telling all to look. */
  readonly all: () => void
  /** The messages that tell it, each small enough; the outbox is empty then. */
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
    grew: (growths) => {
      for (const { latest, log } of growths) put(`l${log}`, ["l", log, latest ?? null])
    },
    cancelled: (workerId, runId) => put(`c${workerId}/${runId}`, ["c", workerId, runId]),
    all: () => {
      everything = true
    },
    take: (from) => {
      const taken = [...items.values()]
      const all = everything
      items.clear()
      everything = false
      if (all) return [{ from, all: true }]
      const messages: Array<WakeupMessage> = []
      let some: Array<Item> = []
      let bytes = 0
      for (const item of taken) {
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
