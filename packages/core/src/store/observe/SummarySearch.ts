/**
 * The pages of a list of runs: those that an index finds, and those that a search looks for.
 *
 * @since 0.1.0
 */
import { Effect, Struct } from "effect"
import type * as Ids from "../../model/Ids.js"
import * as Labels from "../../model/Labels.js"
import { cursorOf, type Page } from "../../model/Page.js"
import { maxSearched, type StatusCounts, type SummaryFilter } from "../../ports/Summaries.js"
import * as LabelRules from "../../rules/LabelRules.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { RunKey } from "../rows/RunRows.js"
import type { Candidate, Range, Start, SummaryRow, SummaryRows } from "../rows/SummaryRows.js"
import * as RareLabel from "./RareLabel.js"

/** The most runs that a search reads at once. */
const chunk = 1000

/** A page of rows. `searched` is how many runs were looked at; null where an index found them. */
export interface RowPage extends Page<SummaryRow> {
  readonly searched: number | null
}

/** Where a list begins: at the runs that have one of these, those first of which a run has few. */
const startOf = <X>(
  rows: SummaryRows<X>,
  projectId: Ids.ProjectId,
  { agentId, conversationId, labels = Labels.none, parentRunId, status }: SummaryFilter,
): Effect.Effect<Start, X> => {
  if (parentRunId !== undefined) return Effect.succeed({ parentRunId })
  if (conversationId !== undefined) return Effect.succeed({ conversationId })
  if (!Labels.isEmpty(labels)) {
    return Effect.map(RareLabel.find(rows, projectId, labels), (label) => ({ label }))
  }
  if (status !== undefined) return Effect.succeed({ status })
  return Effect.succeed<Start>(agentId === undefined ? {} : { agentId })
}

type Matches = (run: Candidate) => boolean

/** Whether the letters of a text, in any case, are in the title, or are the end of the id. */
const hasText = (text: string): Matches => {
  const wanted = text.toLowerCase()
  return ({ runId, title }) =>
    title?.toLowerCase().includes(wanted) === true || runId.toLowerCase().endsWith(wanted)
}

/** What a search looks for in the runs that a list begins at; nothing where an index finds them. */
const conditionsOf = (filter: SummaryFilter, start: Start): ReadonlyArray<Matches> => {
  const { agentId, attempt, errorCode, labels = Labels.none, roots, status, text } = filter
  const conditions: Array<Matches> = []
  if (filter.conversationId !== undefined && !("conversationId" in start)) {
    conditions.push(({ conversationId }) => conversationId === filter.conversationId)
  }
  if (status !== undefined && !("status" in start)) conditions.push(({ state }) => state?.status === status)
  if (agentId !== undefined && !("agentId" in start)) conditions.push((run) => run.agentId === agentId)
  if (text !== undefined && text !== "") conditions.push(hasText(text))
  if (attempt !== undefined) conditions.push(({ state }) => state !== undefined && state.attempt >= attempt)
  if (errorCode !== undefined) conditions.push(({ state }) => state?.error?.code === errorCode)
  const others = "label" in start ? Struct.omit(labels, start.label[0]) : labels
  if (!Labels.isEmpty(others)) conditions.push((run) => LabelRules.hasAll(run.labels, others))
  if (roots === true) conditions.push(({ spawned }) => !spawned)
  return conditions
}

/** A run's state is in another table than what it is. */
const needsStates = ({ attempt, errorCode, status }: SummaryFilter, start: Start): boolean =>
  attempt !== undefined || errorCode !== undefined || (status !== undefined && !("status" in start))

/** Looks at runs, the newest first, until a page is full, none is left, or enough were looked at. */
const search = <X>(
  candidates: (range: Range) => Effect.Effect<ReadonlyArray<Candidate>, X>,
  conditions: ReadonlyArray<Matches>,
  range: Range,
) =>
  Effect.gen(function* () {
    const found: Array<RunKey> = []
    let before = range.before
    let searched = 0
    while (searched < maxSearched) {
      const limit = Math.min(chunk, maxSearched - searched)
      const some = yield* candidates({ ...range, before, limit })
      for (const run of some) {
        searched += 1
        before = run.key
        if (conditions.every((matches) => matches(run)) && found.push(run.key) === range.limit) {
          return { found, searched, next: cursorOf([before]) }
        }
      }
      if (some.length < limit) return { found, searched, next: null }
    }
    return { found, searched, next: cursorOf([before]) }
  })

/** Reads runs by their keys, in that order. */
export const inOrder = <X>(
  rows: SummaryRows<X>,
  keys: ReadonlyArray<RunKey>,
): Effect.Effect<ReadonlyArray<SummaryRow>, X> =>
  keys.length === 0
    ? Effect.succeed([])
    : Effect.map(rows.ofKeys(keys), (found) => {
        const byKey = new Map(found.map((row) => [row.key, row]))
        return keys.flatMap((key) => byKey.get(key) ?? [])
      })

/**
 * The page of runs with keys below `before`.
 *
 * @since 0.1.0
 * @category reading
 */
export const page = <X>(
  rows: SummaryRows<X>,
  projectId: Ids.ProjectId,
  filter: SummaryFilter,
  { before, limit }: Pick<Range, "before" | "limit">,
): Effect.Effect<RowPage, X> =>
  Effect.gen(function* () {
    const bounds = yield* rows.bounds(filter.from?.epochMillis, filter.to?.epochMillis)
    const range = { least: bounds.least, before: Math.min(before, bounds.before) }
    const start = yield* startOf(rows, projectId, filter)
    const conditions = conditionsOf(filter, start)
    if (conditions.length === 0) {
      const found = yield* rows.list(projectId, start, { ...range, limit: limit + 1 })
      const { items, next } = KeysetPage.pageOf(
        found,
        limit,
        ({ key }) => [key],
        (row) => row,
      )
      return { items, next, searched: null }
    }
    const { found, next, searched } = yield* search(
      (some) => rows.candidates(projectId, start, some, needsStates(filter, start)),
      conditions,
      { ...range, limit },
    )
    return { items: yield* inOrder(rows, found), next, searched }
  })

/**
 * The runs of a filter by their status, of the newest that a search looks at.
 *
 * @since 0.1.0
 * @category reading
 */
export const counts = <X>(
  rows: SummaryRows<X>,
  projectId: Ids.ProjectId,
  { status: _status, ...filter }: SummaryFilter,
): Effect.Effect<StatusCounts, X> =>
  Effect.gen(function* () {
    const { before: first, least } = yield* rows.bounds(filter.from?.epochMillis, filter.to?.epochMillis)
    const start = yield* startOf(rows, projectId, filter)
    const conditions = conditionsOf(filter, start)
    const found = { pending: 0, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 }
    let before = first
    let searched = 0
    while (searched < maxSearched) {
      const some = yield* rows.candidates(projectId, start, { least, before, limit: chunk }, true)
      for (const run of some) {
        before = run.key
        if (run.state !== undefined && conditions.every((matches) => matches(run)))
          found[run.state.status] += 1
      }
      searched += some.length
      if (some.length < chunk) return { counts: found, searched, whole: true }
    }
    return { counts: found, searched, whole: false }
  })
