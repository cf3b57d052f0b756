/**
 * Callbacks for questions of a run that a worker executes.
 *
 * Source: docs/decisions/0144-callbacks.md
 */
import type { Access } from "@runlease/core/Access"
import * as CallbackToken from "@runlease/core/CallbackToken"
import { CallbackRefused } from "@runlease/core/Callbacks"
import type * as Ids from "@runlease/core/Ids"
import type { Leases } from "@runlease/core/Leases"
import { LeaseLost, type LeaseRef, type Run } from "@runlease/core/Run"
import type { Runs } from "@runlease/core/Runs"
import { isQuestionId } from "@runlease/core/TreeBudget"
import { DateTime, Effect } from "effect"

const holds = ({ epoch, workerId }: LeaseRef, { lease, leaseEpoch, status }: Run): boolean =>
  status === "running" && lease?.owner === workerId.toLowerCase() && (epoch === null || epoch === leaseEpoch)

/** The leases of a project without a method that needs its access. */
export type WithoutCallbacks = Omit<Leases["Type"], "callback">

/** The leases of a project with `callback`. The store is only read, so a lease that ends meanwhile makes no difference. */
export const over = (
  leases: WithoutCallbacks,
  runs: Runs["Type"],
  access: Access["Type"],
  projectId: Ids.ProjectId,
): Leases["Type"] => ({
  ...leases,
  callback: Effect.fnUntraced(function* (lease, { expiresIn, question }) {
    const run = yield* runs.get(lease.runId)
    if (!holds(lease, run)) return yield* new LeaseLost({ runId: lease.runId, workerId: lease.workerId })
    if (isQuestionId(question)) {
      return yield* new CallbackRefused({
        field: "question",
        message: "a question about a budget is answered with an API key alone",
      })
    }
    const issued = yield* access
      .issueCallback({ projectId, runId: run.runId, interruptId: question, expiresIn })
      .pipe(
        // No key issues it, and no project is deleted.
        Effect.catchTags({ KeyRevoked: Effect.die, KeyExpired: Effect.die, ProjectNotFound: Effect.die }),
      )
    // The time of the store, by which a lease lapses, is in the token.
    const now = DateTime.toEpochMillis(issued.expiresAt) - CallbackToken.expiryOf(0, expiresIn)
    if (run.lease === null || DateTime.toEpochMillis(run.lease.expiresAt) <= now) {
      return yield* new LeaseLost({ runId: lease.runId, workerId: lease.workerId })
    }
    return issued
  }),
})
