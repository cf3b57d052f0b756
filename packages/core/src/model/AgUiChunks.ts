/**
 * Chunk events as the start, content and end that they stand for.
 *
 * The parent agent and each subagent have a lane of their own. A lane assembles one message, tool call or reasoning message
 * at a time; the next item of the lane, or any other event of the same agent, closes it.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/basic/patterns/streaming
 */
import { Either } from "effect"
import type { LogEvent } from "./AgentEvent.js"
import * as AgUiItems from "./AgUiItems.js"

type Event = LogEvent

interface ChunkKind {
  readonly noun: string
  readonly id: AgUiItems.Field
  /** Fields of the start that a later chunk may repeat, but not change. */
  readonly fixed: ReadonlyArray<string>
  readonly required: ReadonlyArray<string>
  /** Fields of the start that the chunk may leave out. */
  readonly defaults: Readonly<Record<string, unknown>>
  readonly start: string
  readonly content: string
  readonly end: string
}

const kindOf = (
  { closes, continues, defaults, field, noun, opens }: AgUiItems.Item,
  fixed: ReadonlyArray<string>,
  required: ReadonlyArray<string> = [],
): ChunkKind => ({
  noun,
  id: field,
  fixed,
  required: [field, ...required],
  defaults,
  start: opens,
  content: continues!,
  end: closes[0]!,
})

const { message, reasoningMessage, tool } = AgUiItems.items

const kinds: Readonly<Record<string, ChunkKind>> = {
  TEXT_MESSAGE_CHUNK: kindOf(message, ["role", "name"]),
  TOOL_CALL_CHUNK: kindOf(tool, ["toolCallName", "parentMessageId"], ["toolCallName"]),
  REASONING_MESSAGE_CHUNK: kindOf(reasoningMessage, []),
}

const closesNothing = new Set([
  "RAW",
  "ACTIVITY_SNAPSHOT",
  "ACTIVITY_DELTA",
  "REASONING_ENCRYPTED_VALUE",
  "SUBAGENT_STARTED",
])
const closesEverything = new Set(["RUN_STARTED", "RUN_FINISHED", "RUN_ERROR", "MESSAGES_SNAPSHOT"])

type Owner = string | undefined

interface OpenItem {
  readonly kind: ChunkKind
  readonly id: string
  readonly start: Event
}

const ownerOf = (event: Event): Owner => event["subagentRunId"] as Owner

const tagOf = (owner: Owner) => (owner === undefined ? {} : { subagentRunId: owner })

const pick = (event: Event, fields: ReadonlyArray<string>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(fields.flatMap((field) => (event[field] === undefined ? [] : [[field, event[field]]])))

const without = (event: Event, fields: ReadonlyArray<string>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(event).filter(([field]) => !fields.includes(field)))

/** Whether the event is a chunk. */
export const isChunk = ({ type }: Event): boolean => AgUiItems.useOf(type)?.action === "chunk"

/** What chunks have open, of one stream. Takes events of the schema only, each of them in order. */
export interface Lanes {
  /** The events that a chunk represents, or what is wrong with it, which changes nothing. */
  readonly expand: (chunk: Event) => Either.Either<ReadonlyArray<Event>, string>

  /** The ends that come before an event that is no chunk. */
  readonly closedBy: (event: Event) => ReadonlyArray<Event>

  /** The ends of all that is open. */
  readonly close: () => ReadonlyArray<Event>

  /** The same, as they are now: what one of them takes does not change the other. */
  readonly copy: () => Lanes
}

const nothing: ReadonlyArray<Event> = []

const ofLanes = (lanes: Map<Owner, OpenItem>): Lanes => {
  const close = (owner: Owner): ReadonlyArray<Event> => {
    const item = lanes.get(owner)
    if (item === undefined) return []
    lanes.delete(owner)
    return [{ type: item.kind.end, [item.kind.id]: item.id, ...tagOf(ownerOf(item.start)) }]
  }

  /** Whose lane a chunk belongs to: by its item, by its own tag, or by the only lane that it can continue. */
  const laneOf = (event: Event, kind: ChunkKind): Either.Either<Owner, string> => {
    const id = event[kind.id]
    const owner = ownerOf(event)
    const open = [...lanes].filter(([, item]) => item.kind === kind)
    if (id !== undefined) {
      const [lane] = open.find(([, item]) => item.id === id) ?? [owner]
      return owner === undefined || owner === lane
        ? Either.right(lane)
        : Either.left(`${event.type} continues ${kind.noun} ${String(id)} of another agent`)
    }
    if (owner !== undefined || open.some(([lane]) => lane === undefined)) return Either.right(owner)
    const [only, ...others] = open
    return others.length === 0
      ? Either.right(only?.[0])
      : Either.left(`${event.type} has no \`${kind.id}\`, and several agents have a ${kind.noun} open`)
  }

  const opened = (event: Event, kind: ChunkKind, owner: Owner): Either.Either<OpenItem, string> => {
    const missing = kind.required.find((field) => event[field] === undefined)
    if (missing !== undefined) return Either.left(`${event.type} opens a ${kind.noun} without \`${missing}\``)
    const start: Event = {
      ...kind.defaults,
      ...pick(event, [kind.id, ...kind.fixed, "metadata"]),
      type: kind.start,
      ...tagOf(owner),
    }
    return Either.right({ kind, id: String(event[kind.id]), start })
  }

  const expand: Lanes["expand"] = (event) => {
    const kind = kinds[event.type]
    if (kind === undefined) return Either.left(`${event.type} is no chunk`)
    const lane = laneOf(event, kind)
    if (Either.isLeft(lane)) return Either.left(lane.left)
    const owner = lane.right
    const current = lanes.get(owner)
    const continued =
      current?.kind === kind && (event[kind.id] === undefined || event[kind.id] === current.id)
        ? current
        : undefined
    const changed =
      continued &&
      kind.fixed.find((field) => event[field] !== undefined && event[field] !== continued.start[field])
    if (continued !== undefined && changed !== undefined) {
      return Either.left(`${event.type} changes \`${changed}\` of ${kind.noun} ${continued.id}`)
    }
    const opening = continued === undefined ? opened(event, kind, owner) : Either.right(continued)
    if (Either.isLeft(opening)) return Either.left(opening.left)
    const item = opening.right

    const rest = without(event, ["type", kind.id, "delta", "subagentRunId", ...kind.fixed])
    const hasContent =
      event["delta"] !== undefined ||
      event["rawEvent"] !== undefined ||
      (continued !== undefined && Object.keys(rest).length > 0)
    const content: ReadonlyArray<Event> = hasContent
      ? [
          {
            ...rest,
            type: kind.content,
            [kind.id]: item.id,
            delta: event["delta"] ?? "",
            ...tagOf(ownerOf(item.start)),
          },
        ]
      : []
    if (continued !== undefined) return Either.right(content)
    const closed = close(owner)
    lanes.set(owner, item)
    return Either.right([...closed, hasContent ? item.start : { ...rest, ...item.start }, ...content])
  }

  const closeAll = () => [...lanes.keys()].flatMap(close)

  return {
    expand,
    closedBy: (event) => {
      if (lanes.size === 0 || closesNothing.has(event.type)) return nothing
      return closesEverything.has(event.type) ? closeAll() : close(ownerOf(event))
    },
    close: closeAll,
    copy: () => ofLanes(new Map(lanes)),
  }
}

/** Of a stream that has not begun. */
export const make = (): Lanes => ofLanes(new Map())
