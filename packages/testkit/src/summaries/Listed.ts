/**
 * Steps that the tests of `Summaries` share.
 */
import * as Ids from "@runlease/core/Ids"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Leases } from "@runlease/core/Leases"
import type { LeaseRef } from "@runlease/core/Run"
import type { SubmissionInput } from "@runlease/core/Runs"
import { type ClaimRecord, type RunSummary, Summaries } from "@runlease/core/Summaries"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

export const summary = (runId: Ids.RunId) => Effect.flatMap(Summaries, (summaries) => summaries.run(runId))

/** The titles of a page of runs; null is a run without one. */
export const titlesOf = ({ items }: { readonly items: ReadonlyArray<RunSummary> }) =>
  items.map(({ title }) => title)

/** Submits a run with that title. */
export const submit = (title: string, input: Partial<SubmissionInput> = {}) =>
  TestRuns.submit({ snapshot: RequestSnapshot.fromText(title), ...input })

/** Spawns a child with that title. */
export const spawn = (lease: LeaseRef, title: string) =>
  Effect.flatMap(Leases, (leases) =>
    leases.spawn(lease, {
      stepId: title,
      name: title,
      submission: {
        agentId: "agent",
        publicId: `${title} of ${lease.runId}`.slice(0, 100),
        snapshot: RequestSnapshot.fromText(title),
      },
    }),
  )

/** How a claim ended, with its epoch and its attempt. */
export const endOf = ({ attempt, ended, epoch }: ClaimRecord): ReadonlyArray<number | string | null> => [
  epoch,
  attempt,
  ended,
]
