import type { Rollouts } from "@runlease/core"
import { type Context, Effect, Struct } from "effect"
import * as Api from "../Api/Rollouts.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

export const make: Effect.Effect<Context.Tag.Service<Rollouts.Rollouts>, never, Transport> = Effect.gen(
  function* () {
    const { call } = yield* Endpoints.of("Rollouts", Api.group)
    const ofAgent = (operation: string, agentId: string) =>
      ({ operation, path: { agent_id: agentId } }) as const

    return {
      set: (agentId, rollout) =>
        Effect.map(
          call(
            "setRollout",
            { ...ofAgent("Rollouts.set", agentId), body: Struct.omit(rollout, "createdBy") },
            ["InvalidRollout"],
          ),
          (reply) => reply.rollout,
        ),

      get: (agentId) =>
        Effect.map(
          call("getRollout", ofAgent("Rollouts.get", agentId), ["RolloutNotFound"], { agentId }),
          (reply) => reply.rollout,
        ),

      remove: (agentId) =>
        Effect.map(
          call("removeRollout", ofAgent("Rollouts.remove", agentId), ["RolloutNotFound"], { agentId }),
          (reply) => reply.bulk_id,
        ),
    }
  },
)
