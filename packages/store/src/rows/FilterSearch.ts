/** The search for the runs of a filter, for a page at a time. */
import type * as Ids from "@runlease/core/Ids"
import * as Labels from "@runlease/core/Labels"
import * as MetadataFilter from "@runlease/core/MetadataFilter"
import * as OneOrMore from "@runlease/core/OneOrMore"
import { cursorOf } from "@runlease/core/Page"
import { type ListOrder, maxSearched, type SummaryFilter } from "@runlease/core/Summaries"
import { Effect, Function, Struct } from "effect"
import * as KeysetPage from "./KeysetPage.js"
import type { RunKey } from "./RunRows.js"
import type { Candidate, Needs, Range, Start, SummaryRows } from "./SummaryRows.js"

// Which of several starts a list begins at: the one whose runs are the fewest where the page begins.

/** How many runs of each start are looked at. */
const sample = 256

/**
 * Reads runs of each from the beginning of the range. The start that has the fewest is the rarest; of those that have all that are looked
 * at, the one that goes the furthest with them.
 */
export const find = <X>(
  rows: Pick<SummaryRows<X>, "keys">,
  projectId: Ids.ProjectId,
  [first, ...others]: readonly [Start, ...ReadonlyArray<Start>],
  range: Range,
): Effect.Effect<Start, X> =>
  Effect.gen(function* () {
    if (others.length === 0) return first
    let rarest = first
    let fewest = sample
    let furthest = -1
    for (const start of [first, ...others]) {
      const keys = yield* rows.keys(projectId, start, { ...range, limit: fewest })
      const last = keys.at(-1)
      if (last === undefined) return start
      const distance = range.oldestFirst === true ? last - range.least : range.before - last
      if (keys.length < fewest || (fewest === sample && distance > furthest)) {
        rarest = start
        fewest = keys.length
        furthest = distance
      }
    }
    return rarest
  })

// How the runs of a filter are found: where a list of them begins, and what is looked for from there.

/** Where a list begins: at the runs that have one of these, those first of which a run has few, or else at the rarest. */
export const startOf = <X>(
  rows: Pick<SummaryRows<X>, "keys">,
  projectId: Ids.ProjectId,
  { agentId, conversationId, labels = Labels.none, parentRunId, status }: SummaryFilter,
  range: Range,
): Effect.Effect<Start, X> => {
  if (parentRunId !== undefined) return Effect.succeed({ parentRunId })
  if (conversationId !== undefined) return Effect.succeed({ conversationId })
  const statuses = OneOrMore.valuesOf(status ?? [])
  const agentIds = OneOrMore.valuesOf(agentId ?? [])
  const [first, ...others]: ReadonlyArray<Start> = [
    ...Labels.entries(labels).map((label) => ({ label })),
    ...(statuses.length > 0 ? [{ statuses }] : []),
    ...(agentIds.length > 0 ? [{ agentIds }] : []),
  ]
  return first === undefined ? Effect.succeed({}) : find(rows, projectId, [first, ...others], range)
}

/** Whether a run has what a condition names. */
type Matches = (run: Candidate) => boolean

/** Whether the letters of a text, in any case, are in the title, or are the start or the end of the id. */
const hasText = (text: string): Matches => {
  const wanted = text.toLowerCase()
  return ({ runId, title }) => {
    const id = runId.toLowerCase()
    return title?.toLowerCase().includes(wanted) === true || id.startsWith(wanted) || id.endsWith(wanted)
  }
}

/** What a search looks for in the runs that a list begins at; nothing where an index finds them. */
export const conditionsOf = (filter: SummaryFilter, start: Start): ReadonlyArray<Matches> => {
  const { agentId, attempt, errorCode, labels = Labels.none, metadata = {}, roots, status, text } = filter
  const conditions: Array<Matches> = []
  if (filter.conversationId !== undefined && !("conversationId" in start)) {
    conditions.push(({ conversationId }) => conversationId === filter.conversationId)
  }
  if (status !== undefined && !("statuses" in start)) {
    conditions.push(({ state }) => OneOrMore.isOneOf(status, state?.status))
  }
  if (agentId !== undefined && !("agentIds" in start)) {
    conditions.push((run) => OneOrMore.isOneOf(agentId, run.agentId))
  }
  if (text !== undefined && text !== "") conditions.push(hasText(text))
  if (attempt !== undefined) conditions.push(({ state }) => state !== undefined && state.attempt >= attempt)
  if (errorCode !== undefined) {
    conditions.push(({ state }) => OneOrMore.isOneOf(errorCode, state?.error?.code))
  }
  const others = "label" in start ? Struct.omit(labels, start.label[0]) : labels
  if (!Labels.isEmpty(others)) conditions.push((run) => Labels.hasAll(run.labels, others))
  if (roots === true) conditions.push(({ spawned }) => !spawned)
  if (!MetadataFilter.isEmpty(metadata)) {
    conditions.push(({ state }) => MetadataFilter.matches(metadata, state?.metadata))
  }
  return conditions
}

/** What the conditions of a filter look at. */
export const needsOf = (
  { attempt, errorCode, metadata = {}, status }: SummaryFilter,
  start: Start,
): Needs => ({
  states:
    attempt !== undefined ||
    errorCode !== undefined ||
    !MetadataFilter.isEmpty(metadata) ||
    (status !== undefined && !("statuses" in start)),
  metadata: !MetadataFilter.isEmpty(metadata),
})

/** The most runs that a search reads at once: of metadata, as many as take a few megabytes. */
export const mostAtOnce = ({ metadata }: Needs): number => (metadata ? 256 : 1000)

/** A page of a list: of the runs after the one with key `after` in its order, or from the first one on. */
export interface PageOf extends ListOrder {
  readonly after: RunKey | undefined
  readonly limit: number
}

/** How a page is read: the runs of `start` in `range` that fulfil all conditions. */
export interface Plan {
  readonly start: Start
  readonly range: Range
  readonly conditions: ReadonlyArray<Matches>
  readonly needs: Needs
}

/** The runs of a range that come after one of them. */
const rest = (range: Range, after: RunKey): Range =>
  range.oldestFirst === true
    ? { ...range, least: Math.max(range.least, after + 1) }
    : { ...range, before: Math.min(range.before, after) }

export const plan = <X>(
  rows: Pick<SummaryRows<X>, "bounds" | "keys">,
  projectId: Ids.ProjectId,
  filter: SummaryFilter,
  { after, limit, oldestFirst }: PageOf,
): Effect.Effect<Plan, X> =>
  Effect.gen(function* () {
    const bounds = yield* rows.bounds(filter.from?.epochMillis, filter.to?.epochMillis)
    const whole = { ...bounds, limit, oldestFirst }
    const range = after === undefined ? whole : rest(whole, after)
    const start = yield* startOf(rows, projectId, filter, range)
    return {
      start,
      range,
      conditions: conditionsOf(filter, start),
      needs: needsOf(filter, start),
    }
  })

/** The runs that a search has found, in the order of the page. */
export interface Found {
  readonly found: ReadonlyArray<RunKey>
  readonly searched: number
  readonly next: string | null
}

/**
 * Looks at runs in the order of the page until it is full, none is left, or enough were looked at. Without conditions the first runs are found.
 */
export const search = <X>(
  rows: Pick<SummaryRows<X>, "candidates" | "keys">,
  projectId: Ids.ProjectId,
  { conditions, needs, range, start }: Plan,
): Effect.Effect<Found, X> =>
  Effect.gen(function* () {
    if (conditions.length === 0) {
      const keys = yield* rows.keys(projectId, start, { ...range, limit: range.limit + 1 })
      const { items, next } = KeysetPage.pageOf(keys, range.limit, (key) => [key], Function.identity)
      return { found: items, searched: items.length, next }
    }
    const found: Array<RunKey> = []
    let left = range
    let last: RunKey | undefined
    let searched = 0
    while (searched < maxSearched) {
      const limit = Math.min(mostAtOnce(needs), maxSearched - searched)
      const some = yield* rows.candidates(projectId, start, { ...left, limit }, needs)
      for (const run of some) {
        searched += 1
        last = run.key
        if (conditions.every((matches) => matches(run)) && found.push(run.key) === range.limit) {
          return { found, searched, next: cursorOf([last]) }
        }
      }
      if (last === undefined || some.length < limit) return { found, searched, next: null }
      left = rest(range, last)
    }
    return { found, searched, next: last === undefined ? null : cursorOf([last]) }
  })
