/** Spawns: a holder submits children of its run. */
import { type ChildStep, maxChildren } from "@runlease/core/ChildEvent"
import * as Fairness from "@runlease/core/Fairness"
import { ChildRefused, type Spawned } from "@runlease/core/Leases"
import { type LeaseLost, type LeaseRef, RunNotFound } from "@runlease/core/Run"
import { Data, Effect, Either } from "effect"
import * as ChildTransitions from "../rules/ChildTransitions.js"
import { holds } from "../rules/Transition.js"
import { budgetRootOf, type ChildSpec, lanesOf, type RunState } from "../rules/RunState.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import type { RunRef } from "../rows/RunRows.js"
import * as Submit from "./Submit.js"
import type { Request as SubmitRequest } from "./SubmitRequest.js"

/** The submission names its parent, which `lease` is of. */
export interface Request extends SubmitRequest {
  readonly lease: LeaseRef
  readonly step: ChildStep
  readonly detached: boolean
  readonly tellsParent: boolean
}

/** The parent repeats run `repeats`, and the request does not say what the child has of the child of that run. Nothing was changed. */
export class Unseeded extends Data.TaggedError("Unseeded")<{ readonly repeats: string }> {}

type Refusal = LeaseLost | RunNotFound | ChildRefused | Unseeded

const parentOf = ({ lease, projectId }: Request): RunRef => ({ projectId, runId: lease.runId })

const refuse = (reason: ChildRefused["reason"], message: string) =>
  Either.left(new ChildRefused({ reason, message }))

/** The place of the next child of the run. A detached one is a root, whatever is above its parent. */
const positionOf = <X>(batch: RunBatch<X>, request: Request): Either.Either<ChildSpec | null, Refusal> => {
  const parent = batch.find(parentOf(request))
  const { lease, submission } = request
  const { runId } = lease
  if (parent === undefined) return Either.left(new RunNotFound({ runId }))
  const { children, spec } = parent.state
  const depth = (spec.child?.depth ?? 0) + 1
  const index = children?.count ?? 0
  // A key with a limit is no lane.
  const lane = submission.concurrencyLimit === undefined ? (submission.concurrencyKey ?? null) : null
  return Either.flatMap(holds(parent.state, lease, batch.now), () => {
    if (request.detached) return Either.right(null)
    if (depth >= ChildTransitions.maxDepth) {
      return refuse("depth", `A tree has at most ${ChildTransitions.maxDepth} runs from its root down`)
    }
    if (index >= maxChildren) {
      return refuse("too_many", `Run ${runId} has ${maxChildren} children`)
    }
    const lanes = lanesOf(parent.state)
    if (lane !== null && lanes.includes(lane)) {
      return refuse("lane", `A run above the child has the lane ${lane}, so the child could never run`)
    }
    const budget = budgetRootOf(parent.state)
    return Either.right({
      parent: runId,
      index,
      depth,
      ...(lanes.length === 0 ? {} : { lanes }),
      ...(budget === undefined ? {} : { budget }),
      ...(request.tellsParent ? { tellsParent: true } : {}),
    })
  })
}

/** A child without a fairness key has that of its parent, since it works for the same. */
const inKeyOfParent =
  <X>(batch: RunBatch<X>) =>
  (request: Request): Request => {
    const parent = batch.find(parentOf(request))
    return parent === undefined || request.submission.fairnessKey !== undefined
      ? request
      : {
          ...request,
          submission: { ...request.submission, ...Fairness.fieldsOf(parent.state.spec.fairness) },
        }
  }

const spawnedOf = ({ spec }: RunState): Spawned =>
  spec.child === null ? { runId: spec.runId } : { runId: spec.runId, index: spec.child.index }

export const operation = <X>(): RunOperation<Request, Spawned, Spawned, Submit.Refusal | Refusal, X> => ({
  name: "Leases.spawn",
  refs: (request) => [parentOf(request)],
  decide: (requests, batch) => {
    const repeats = requests.map((request) =>
      request.seed === undefined ? batch.find(parentOf(request))?.state.log.repeats : undefined,
    )
    const seeded = requests.filter((_, index) => repeats[index] === undefined)
    return Effect.map(
      Submit.submitAll(seeded.map(inKeyOfParent(batch)), batch, {
        // Its parent works already, and could not go on.
        refusable: false,
        positionOf: (request) => positionOf(batch, request),
        accepted: (request, child) => {
          const parent = batch.find(parentOf(request))!
          const { runId, step, submission } = request
          const spawned = { ...step, runId, agentId: submission.agentId, index: child?.index }
          batch.apply(parent, ChildTransitions.spawned(parent.state, spawned, batch.now))
        },
      }),
      (verdicts) => {
        let next = 0
        return repeats.map((repeated) =>
          repeated === undefined
            ? Either.map(verdicts[next++]!, ({ state }) => spawnedOf(state))
            : Either.left(new Unseeded({ repeats: repeated })),
        )
      },
    )
  },
  answer: (spawned) => spawned,
})
