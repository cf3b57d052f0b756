/**
 * The list of the conversations that people use, over the rows of a store.
 *
 * Source: docs/decisions/0149-lists-of-conversations.md
 */
import type { Conversation, ConversationFilter } from "@runlease/core/Conversations"
import type * as Ids from "@runlease/core/Ids"
import * as MetadataFilter from "@runlease/core/MetadataFilter"
import * as OneOrMore from "@runlease/core/OneOrMore"
import { cursorOf, type InvalidCursor, keysOf, type Page, type PageRequest } from "@runlease/core/Page"
import { maxSearched } from "@runlease/core/Summaries"
import { Effect } from "effect"
import * as KeysetPage from "./KeysetPage.js"

/** The position of a conversation in the list. */
export interface Position {
  readonly updatedAt: number
  readonly key: number
}

/** What a search looks at of a conversation. `metadata` is there where the search needs it, and is null beyond `SummaryRows.maxMetadata`. */
export interface Candidate extends Position {
  readonly title: string | null
  readonly bytes: number
  readonly hasAgent: boolean
  readonly metadata?: unknown
}

/** The listed conversations after a position that were updated at `from` or later, and what is read of them. */
export interface Range {
  readonly after: Position
  readonly from: number
  readonly limit: number
  /** The agents that `hasAgent` is about; any where it is empty. */
  readonly agentIds: ReadonlyArray<Ids.AgentId>
  readonly needsMetadata: boolean
}

export interface ConversationRows<X> {
  /** The one that was updated last first. */
  readonly candidates: (range: Range) => Effect.Effect<ReadonlyArray<Candidate>, X>

  /** Those of these conversations that exist, in any order. */
  readonly find: (
    keys: ReadonlyArray<number>,
  ) => Effect.Effect<ReadonlyArray<readonly [key: number, conversation: Conversation]>, X>
}

const conditionsOf = ({ agentId, metadata = {}, text = "" }: ConversationFilter) => {
  const wanted = text.toLowerCase()
  return [
    ...(wanted === "" ? [] : [({ title }: Candidate) => title?.toLowerCase().includes(wanted) === true]),
    ...(agentId === undefined ? [] : [({ hasAgent }: Candidate) => hasAgent]),
    ...(MetadataFilter.isEmpty(metadata)
      ? []
      : [(each: Candidate) => MetadataFilter.matches(metadata, each.metadata)]),
  ]
}

interface Found {
  readonly found: ReadonlyArray<Candidate>
  /** Where the search continues; undefined where there is no more. */
  readonly rest: Position | undefined
}

/** Looks at conversations until it has found one more than the page has, none is left, or enough were looked at. */
const search = <X>(
  rows: Pick<ConversationRows<X>, "candidates">,
  filter: ConversationFilter,
  after: Position,
  limit: number,
): Effect.Effect<Found, X> =>
  Effect.gen(function* () {
    const conditions = conditionsOf(filter)
    const needsMetadata = !MetadataFilter.isEmpty(filter.metadata ?? {})
    const most = conditions.length === 0 ? limit + 1 : needsMetadata ? 256 : 1000
    const range = {
      from: filter.from?.epochMillis ?? 0,
      agentIds: OneOrMore.valuesOf(filter.agentId ?? []),
      needsMetadata,
    }
    const found: Array<Candidate> = []
    let last = after
    let searched = 0
    while (searched < maxSearched) {
      const wanted = Math.min(most, maxSearched - searched)
      const some = yield* rows.candidates({ ...range, after: last, limit: wanted })
      for (const each of some) {
        last = each
        if (conditions.every((matches) => matches(each)) && found.push(each) > limit) {
          return { found, rest: last }
        }
      }
      searched += some.length
      if (some.length < wanted) return { found, rest: undefined }
    }
    return { found, rest: last }
  })

const cursorAt = ({ key, updatedAt }: Position): string => cursorOf([updatedAt, key])

export const list = <X>(
  rows: ConversationRows<X>,
  request: ConversationFilter & PageRequest,
): Effect.Effect<Page<Conversation>, InvalidCursor | X> =>
  Effect.gen(function* () {
    const limit = KeysetPage.limitOf(request)
    // The conversations before `to` come after its first key.
    const first = [request.to?.epochMillis ?? Number.MAX_SAFE_INTEGER, 0]
    const [updatedAt, key] = (yield* keysOf(request.cursor, first)) as [number, number]
    const { found, rest } = yield* search(rows, request, { updatedAt, key }, limit)
    const count = KeysetPage.countWithin(
      found.map(({ bytes }) => bytes),
      limit,
    )
    const page = found.slice(0, count)
    const next = count < found.length ? page.at(-1) : rest
    const byKey = new Map(count === 0 ? [] : yield* rows.find(page.map((each) => each.key)))
    return {
      items: page.flatMap((each) => byKey.get(each.key) ?? []),
      next: next === undefined ? null : cursorAt(next),
    }
  })
