/** The limits of a project: their state, their order, and what can be done to one. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { send } from "../../api/client"
import { isPaused } from "../../api/live"
import { useSession } from "../../api/session"
import { integer } from "../../format/numbers"

/** The most limits that are read, the newest first. */
export const mostLimits = 500

export const limitsQuery = (project: string) =>
  queryOptions({
    queryKey: ["limits", project],
    queryFn: async ({ signal }) => {
      const limits: Array<Json.Limit> = []
      let cursor: string | undefined
      do {
        const page = await send("limits", { path: { project }, query: { limit: 100, cursor }, signal })
        limits.push(...page.data)
        cursor = page.page_info.next ?? undefined
      } while (cursor !== undefined && limits.length < mostLimits)
      return limits
    },
    refetchInterval: () => (isPaused() ? false : 3000),
  })

/** `full`: runs wait for a place, or the project has as many at work as it may. */
export type LimitState = "paused" | "full" | "free"

const isFull = ({ kind, max_running, running, waiting }: Json.Limit): boolean =>
  kind === "project" ? max_running !== null && running >= max_running : waiting > 0

export const stateOf = (limit: Json.Limit): LimitState =>
  limit.paused ? "paused" : isFull(limit) ? "full" : "free"

const ranks: Readonly<Record<LimitState, number>> = { paused: 0, full: 1, free: 2 }

const byName = new Intl.Collator("en", { numeric: true })

type Subject = Pick<Json.Limit, "kind" | "name" | "key">

/** What a limit is of. */
export const nameOf = ({ key, kind, name }: Subject): string =>
  kind === "project"
    ? "All runs of the project"
    : kind === "agent"
      ? `Agent ${key}`
      : name === null
        ? key
        : `${name}: ${key}`

const rankOf = (limit: Json.Limit): number => (limit.kind === "project" ? -1 : ranks[stateOf(limit)])

/** That of the project first, then paused ones, then those whose runs wait, then by what they are of. */
export const inOrder = (limits: ReadonlyArray<Json.Limit>): ReadonlyArray<Json.Limit> =>
  limits.toSorted((a, b) => rankOf(a) - rankOf(b) || byName.compare(nameOf(a), nameOf(b)))

/** How many runs have a place or wait for one; empty for a project, which has no places. */
export const placesWords = ({ kind }: Json.Limit, count: number): string =>
  kind === "project" ? "" : integer(count)

/** `2 of 5`, `2` where no submission has set a limit. */
export const usedWords = ({ max_running, running }: Json.Limit): string =>
  max_running === null ? String(running) : `${running} of ${max_running}`

const units = [
  [86_400, "d"],
  [3600, "h"],
  [60, "m"],
] as const

/** A period by the largest unit that divides it: `90 s`, `1 m`. */
export const periodWords = (seconds: number): string => {
  const [size, unit] = units.find(([whole]) => seconds % whole === 0) ?? [1, "s"]
  return `${integer(seconds / size)} ${unit}`
}

/** `10 in 1 m, 5 at once`; undefined without a rate. */
export const rateWords = ({ rate }: Json.Limit): string | undefined =>
  rate === null
    ? undefined
    : `${integer(rate.count)} in ${periodWords(rate.period_seconds)}${rate.burst === 1 ? "" : `, ${integer(rate.burst)} at once`}`

/** `3 of 100`: how many runs wait for their first start; undefined where any number may. */
export const pendingWords = ({ max_pending, pending }: Json.Limit): string | undefined =>
  max_pending === null ? undefined : `${integer(pending)} of ${integer(max_pending)}`

export const usePause = (subject: Subject) => {
  const { key, kind, name } = subject
  const { slug: project } = useSession().project
  const client = useQueryClient()
  const { queryKey } = limitsQuery(project)
  return useMutation({
    mutationFn: (paused: boolean) =>
      kind === "project"
        ? send(paused ? "pauseProject" : "resumeProject", { path: { project } })
        : kind === "agent"
          ? send(paused ? "pauseAgent" : "resumeAgent", { path: { project, agent: key } })
          : send(paused ? "pauseLimit" : "resumeLimit", {
              path: { project },
              body: name === null ? { concurrency_key: key } : { name, key },
            }),
    onSuccess: (limit) => {
      client.setQueryData(queryKey, (before) =>
        before?.map((one) => (nameOf(one) === nameOf(subject) ? limit : one)),
      )
      return client.invalidateQueries({ queryKey })
    },
  })
}
