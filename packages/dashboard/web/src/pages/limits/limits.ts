/** The limits of a project: their state, their order, and what can be done to one. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { send } from "../../api/client"
import { isPaused } from "../../api/live"
import { useSession } from "../../api/session"

/** So many limits are read, the newest first. */
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

/** `full`: runs wait for a place. */
export type LimitState = "paused" | "full" | "free"

export const stateOf = ({ paused, waiting }: Json.Limit): LimitState =>
  paused ? "paused" : waiting > 0 ? "full" : "free"

const ranks: Readonly<Record<LimitState, number>> = { paused: 0, full: 1, free: 2 }

const byName = new Intl.Collator("en", { numeric: true })

type Subject = Pick<Json.Limit, "kind" | "name" | "key">

/** What a limit is of. */
export const nameOf = ({ key, kind, name }: Subject): string =>
  kind === "agent" ? `Agent ${key}` : name === null ? key : `${name}: ${key}`

/** Paused ones first, then those whose runs wait, then by what they are of. */
export const inOrder = (limits: ReadonlyArray<Json.Limit>): ReadonlyArray<Json.Limit> =>
  limits.toSorted((a, b) => ranks[stateOf(a)] - ranks[stateOf(b)] || byName.compare(nameOf(a), nameOf(b)))

/** `2 of 5`, `2` where no submission has set a limit. */
export const usedWords = ({ max_running, running }: Json.Limit): string =>
  max_running === null ? String(running) : `${running} of ${max_running}`

export const usePause = (subject: Subject) => {
  const { key, kind, name } = subject
  const { slug: project } = useSession().project
  const client = useQueryClient()
  const { queryKey } = limitsQuery(project)
  return useMutation({
    mutationFn: (paused: boolean) =>
      kind === "agent"
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
