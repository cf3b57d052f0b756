/** How the runs of a filter are found: where a list of them begins, and what is looked for from there. */
import type * as Ids from "@runlease/core/Ids"
import * as Labels from "@runlease/core/Labels"
import * as MetadataFilter from "@runlease/core/MetadataFilter"
import * as OneOrMore from "@runlease/core/OneOrMore"
import type { SummaryFilter } from "@runlease/core/Summaries"
import { Effect, Struct } from "effect"
import * as RareStart from "./RareStart.js"
import type { Candidate, Needs, Range, Start, SummaryRows } from "./SummaryRows.js"

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
  return first === undefined ? Effect.succeed({}) : RareStart.find(rows, projectId, [first, ...others], range)
}

/** Whether a run has what a condition names. */
export type Matches = (run: Candidate) => boolean

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
