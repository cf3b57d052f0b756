/** Parents and children for the tests of leases. */
import { Leases } from "@runlease/core/Leases"
import type { ClaimedRun, LeaseRef, Run } from "@runlease/core/Run"
import type { SubmissionInput } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

const idOf = ({ runId }: LeaseRef, name: string) => `${name} of ${runId}`.slice(0, 100)

/** Spawns a child whose id names its parent and the step. */
export const spawn = (
  lease: LeaseRef,
  name: string,
  input: Partial<SubmissionInput> = {},
  detached?: true,
  tellsParent?: true,
) =>
  Effect.flatMap(Leases, (leases) =>
    leases.spawn(lease, {
      stepId: name,
      name,
      detached,
      tellsParent,
      submission: { agentId: "agent", ...input, publicId: idOf(lease, name) },
    }),
  )

/** Lets a run wait until one of these groups of its children has ended. */
export const wait = (claimed: ClaimedRun, ...children: ReadonlyArray<ReadonlyArray<number>>) =>
  Effect.flatMap(Leases, (leases) => leases.suspend(TestRuns.leaseOf(claimed), { children }))

export const statusOf = (runId: Run["runId"]) => Effect.map(TestRuns.getRun(runId), ({ status }) => status)

/** A claimed run with this many children, which are claimed in the order of their indexes. */
export const family = (count: number) =>
  Effect.gen(function* () {
    const worker = yield* TestRuns.register()
    const parent = yield* TestRuns.hold(worker)
    const lease = TestRuns.leaseOf(parent)
    yield* Effect.forEach(Array.from({ length: count }), (_, index) => spawn(lease, `child-${index}`))
    const children = yield* Effect.replicateEffect(TestRuns.claimOne(worker), count)
    return { children, lease, parent, worker }
  })
