/** What people look at of a project, as its endpoints and its streams give it. */
import { type Ids, Schedules, Statistics, Summaries } from "@runlease/core"
import * as WorkersInContact from "@runlease/core/WorkersInContact"
import { Context, Effect } from "effect"
import { fromActivity } from "../Wire/Activity.js"
import type { Ports } from "./ProjectPorts.js"

export interface StatisticsOptions {
  readonly step?: "minute" | "hour" | undefined
  readonly last?: number | undefined
  readonly agent_id?: Ids.AgentId | undefined
}

/** Runs by agent and status, and what happened: in the last 60 minutes unless other periods are named. */
export const statistics = Effect.fnUntraced(function* (
  ports: Ports,
  { agent_id: agentId, last = 60, step = "minute" }: StatisticsOptions,
) {
  const port = Context.get(ports, Statistics.Statistics)
  const during = { agentId, last, step }
  const { agents, counts, periods } = yield* Effect.all({
    counts: port.counts({ agentId }),
    periods: port.periods(during),
    agents: port.agents(during),
  })
  return {
    counts: counts.map((count) => ({ agent_id: count.agentId, runs: count.runs })),
    periods: periods.map((period) => ({
      start: period.start,
      pending: period.pending,
      running: period.running,
      ...fromActivity(period),
    })),
    agents: agents.map((activity) => ({ agent_id: activity.agentId, ...fromActivity(activity) })),
  }
})

/** The most stale schedules that are shown. */
const maxStale = 20

export const attention = Effect.fnUntraced(function* (ports: Ports) {
  const { items } = yield* Context.get(ports, Schedules.Schedules).list({ stale: true, limit: maxStale })
  return { ...(yield* Context.get(ports, Summaries.Summaries).attention()), staleSchedules: items }
})

/** The agents of workers in contact, newest heartbeat first, and those that the project has runs of. */
export const agents = Effect.fnUntraced(function* (ports: Ports) {
  const counts = yield* Context.get(ports, Statistics.Statistics).counts()
  const registered = yield* WorkersInContact.metadata(ports)
  const ids = new Set([
    ...registered.flatMap(({ agents: own, forms = {} }) => [
      ...(own ?? []),
      ...(Object.keys(forms) as Array<Ids.AgentId>),
    ]),
    ...counts.map(({ agentId }) => agentId),
  ])
  return Array.from(ids)
    .toSorted()
    .map((agentId) => {
      const claiming = registered.filter((worker) => WorkersInContact.claims(worker, agentId))
      const form = claiming.find(({ forms }) => forms?.[agentId] !== undefined)?.forms?.[agentId]
      return { agent_id: agentId, workers: claiming.length, form: form ?? null }
    })
})
