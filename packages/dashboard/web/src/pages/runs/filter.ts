/** Which runs the page shows: read from its address, sent to the API, and matched with each run of the stream. */
import type * as Json from "@runlease/http/Json"
import { allStatuses, type RunStatus } from "../../ui/State"
import type { Query } from "../../api/client"
import { instantOf } from "./range"
import { parseSearch, withLabel, writeSearch } from "./searchText"
import { noRunsSearch } from "../../shell/links"

/** The parameters of the page's address. */
export interface RunsSearch {
  readonly state: string | undefined
  readonly agent: string | undefined
  readonly code: string | undefined
  readonly q: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
  readonly parent: string | undefined
  readonly conversation: string | undefined
  readonly children: string | undefined
}

export interface RunFilter {
  readonly status: RunStatus | undefined
  readonly agent: string | undefined
  /** The code of the error with which a run has ended. */
  readonly code: string | undefined
  readonly text: string
  readonly attempt: number | undefined
  /** Each is `name:value`; a run has all of them. */
  readonly labels: ReadonlyArray<string>
  readonly from: string | undefined
  readonly to: string | undefined
  readonly parent: string | undefined
  readonly conversation: string | undefined
  /** Whether runs are shown that others have spawned. */
  readonly children: boolean
}

export const filterOf = (search: RunsSearch): RunFilter => {
  const words = parseSearch(search.q ?? "")
  return {
    status: allStatuses.find((status) => status === search.state) ?? words.state,
    agent: search.agent ?? words.agent,
    code: search.code ?? words.code,
    text: words.text,
    attempt: words.attempt,
    labels: words.labels ?? [],
    from: search.from,
    to: search.to,
    parent: search.parent ?? words.parent,
    conversation: search.conversation ?? words.conversation,
    children: search.children === "yes",
  }
}

export const searchOf = (filter: RunFilter): RunsSearch => ({
  state: filter.status,
  agent: filter.agent,
  code: filter.code,
  q: writeSearch(filter),
  from: filter.from,
  to: filter.to,
  parent: filter.parent,
  conversation: filter.conversation,
  children: filter.children ? "yes" : undefined,
})

/** The same address with one more label to look for. */
export const addLabel = (search: RunsSearch, label: string): RunsSearch => {
  const filter = filterOf(search)
  return searchOf({ ...filter, labels: withLabel(filter.labels, label) })
}

export const noFilter: RunFilter = filterOf(noRunsSearch)

/** The end of an id, as the pages show it, or more of it. */
const idText = /^[0-9a-f-]{8,36}$/i

/** Whether the filter requests only runs without a parent: not where it searches for children. */
export const isRootsOnly = (filter: RunFilter): boolean =>
  !filter.children &&
  filter.parent === undefined &&
  filter.conversation === undefined &&
  !idText.test(filter.text)

/** Whether anything is left out but children. */
export const isNarrowed = (filter: RunFilter): boolean =>
  writeSearch(filter) !== undefined ||
  [filter.agent, filter.code, filter.from, filter.to, filter.parent, filter.conversation].some(
    (value) => value !== undefined,
  )

const iso = (instant: number | undefined): string | undefined =>
  instant === undefined ? undefined : new Date(instant).toISOString()

export const queryOf = (filter: RunFilter, now: number): Query => ({
  status: filter.status,
  agent_id: filter.agent,
  error_code: filter.code,
  text: filter.text === "" ? undefined : filter.text,
  attempt: filter.attempt,
  label: filter.labels,
  from: iso(instantOf(filter.from, now)),
  to: iso(instantOf(filter.to, now)),
  parent_run_id: filter.parent,
  conversation_id: filter.conversation,
  roots: isRootsOnly(filter) ? true : undefined,
})

const hasLabel = ({ labels }: Json.RunSummary, label: string): boolean => {
  const colon = label.indexOf(":")
  return labels[label.slice(0, colon)] === label.slice(colon + 1)
}

/** Whether an id begins or ends with a text. */
const hasEnd = (id: string, text: string): boolean => id.startsWith(text) || id.endsWith(text)

/**
 * Whether the API would list a run for this filter; undefined where the run alone does not say so: one with a parent is its child, which
 * is left out with others of its kind, or its retry or fork, which is not.
 */
export const matches = (filter: RunFilter, run: Json.RunSummary, now: number): boolean | undefined => {
  const created = Date.parse(run.created_at)
  const from = instantOf(filter.from, now)
  const to = instantOf(filter.to, now)
  const text = filter.text.toLowerCase()
  const isListed =
    (filter.status === undefined || run.status === filter.status) &&
    (filter.agent === undefined || run.agent_id === filter.agent) &&
    (filter.code === undefined || run.error?.code === filter.code) &&
    (filter.parent === undefined || run.parent_run_id === filter.parent) &&
    (filter.conversation === undefined || run.conversation_id === filter.conversation) &&
    filter.labels.every((label) => hasLabel(run, label)) &&
    (filter.attempt === undefined || run.attempt >= filter.attempt) &&
    (from === undefined || created >= from) &&
    (to === undefined || created < to) &&
    (text === "" ||
      (run.title?.toLowerCase().includes(text) ?? false) ||
      hasEnd(run.run_id.toLowerCase(), text))
  return isListed && isRootsOnly(filter) && run.parent_run_id !== null ? undefined : isListed
}
