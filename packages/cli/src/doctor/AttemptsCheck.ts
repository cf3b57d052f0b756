/**
 * Whether runs have used up their attempts in the last day: something in them ends their workers.
 */
import { HealthCheck } from "@runlease/core"
import { ControlEvents } from "@runlease/core/store"
import { Effect } from "effect"
import * as Phrases from "../output/Phrases.js"
import type { Deployment } from "./Deployment.js"

export const check = ({ client, project }: Deployment): HealthCheck.HealthCheck => ({
  name: "attempts",
  examine: Effect.gen(function* () {
    const path = { project_reference: project }
    const { agents } = yield* client.observe.statistics({ path, urlParams: { step: "hour", last: 24 } })
    const counts = agents.flatMap(({ agent_id, failures }) =>
      failures.flatMap(({ code, count }) =>
        code === ControlEvents.exhaustedCode ? [{ agent_id, count }] : [],
      ),
    )
    if (counts.length === 0) return HealthCheck.ok("No run has used up its attempts in the last day.")
    const { data } = yield* client.observe.lostLeases({ path })
    const example = data.find(({ exhausted }) => exhausted)
    const sum = counts.reduce((total, { count }) => total + count, 0)
    return HealthCheck.fail(
      `${Phrases.count(sum, "run has", "runs have")} used up all attempts in the last day: ${Phrases.some(counts.map(({ agent_id, count }) => `${agent_id} (${count})`))}.`,
      example === undefined
        ? "See them with: runlease runs list --status failed. Mend the program that ends its worker, then: runlease runs retry RUN"
        : `See what ends its worker: runlease runs explain ${example.runId}. Mend it, then: runlease runs retry ${example.runId}`,
    )
  }),
})
