/**
 * Whether each agent that has pending runs has a worker that claims them.
 */
import { HealthCheck, WorkerState } from "@runlease/core"
import { Effect } from "effect"
import * as Phrases from "../output/Phrases.js"
import type { Deployment } from "./Deployment.js"

const any = { implementationKind: null, workerKey: null }

export const check = ({ client, now, project, workers }: Deployment): HealthCheck.HealthCheck => ({
  name: "agents",
  examine: Effect.gen(function* () {
    const at = yield* now
    const { counts } = yield* client.observe.statistics({
      path: { project_reference: project },
      urlParams: { last: 1 },
    })
    const claiming = (yield* workers).filter(({ worker }) =>
      ["working", "idle"].includes(WorkerState.of(worker, at)),
    )
    const pending = counts.filter(({ runs }) => runs.pending > 0)
    const orphans = pending.filter(({ agent_id }) =>
      claiming.every(({ worker }) => !WorkerState.canClaim(worker, { ...any, agentId: agent_id })),
    )
    if (orphans.length === 0) {
      return HealthCheck.ok(
        pending.length === 0
          ? "No run is pending."
          : `${Phrases.count(pending.length, "agent has", "agents have")} pending runs, and workers that claim them.`,
      )
    }
    const texts = orphans.map(
      ({ agent_id, runs }) => `${agent_id} (${Phrases.count(runs.pending, "pending run")})`,
    )
    return HealthCheck.fail(
      `No worker in contact claims runs of ${Phrases.some(texts)}.`,
      `Start one: runlease worker --agent ${orphans[0]!.agent_id} --command PROGRAM`,
    )
  }),
})
