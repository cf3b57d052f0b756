/**
 * Rollouts.
 *
 * Source: docs/decisions/0160-rollouts.md
 */
import { Rollouts } from "@runlease/core"
import { Context, Effect } from "effect"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"

/** Uses the rollouts of the named project, which must be the caller's. */
const using = <A, E, R>(
  path: { readonly project_reference: string },
  use: (rollouts: Rollouts.Rollouts["Type"], keyId: string) => Effect.Effect<A, E, R>,
) =>
  Effect.flatMap(Caller.project(path.project_reference), ({ keyId, ports }) =>
    use(Context.get(ports, Rollouts.Rollouts), keyId),
  )

export const layer = group("rollouts", (handlers) =>
  handlers
    .handle("setRollout", ({ path, payload }) =>
      using(path, ({ set }, createdBy) =>
        Effect.map(set(path.agent_id, { ...payload, createdBy }), (rollout) => ({ rollout })),
      ),
    )
    .handle("getRollout", ({ path }) =>
      using(path, ({ get }) => Effect.map(get(path.agent_id), (rollout) => ({ rollout }))),
    )
    .handle("removeRollout", ({ path }) =>
      using(path, ({ remove }) =>
        Effect.map(remove(path.agent_id), (bulk_id) => ({ deleted: true, bulk_id })),
      ),
    ),
)
