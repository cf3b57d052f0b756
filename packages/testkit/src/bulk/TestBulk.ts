/**
 * Steps that the tests of bulk operations share.
 */
import type { BulkId, BulkOperation } from "@runlease/core/BulkOperation"
import { BulkOperations, type NewBulk } from "@runlease/core/BulkOperations"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import type { Run } from "@runlease/core/Run"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Summaries } from "@runlease/core/Summaries"
import { Array, Effect, Either, Struct } from "effect"
import * as TestRuns from "../TestRuns.js"

export const create = (bulk: NewBulk) => Effect.flatMap(BulkOperations, (bulks) => bulks.create(bulk))

export const get = (id: BulkId) => Effect.flatMap(BulkOperations, (bulks) => bulks.get(id))

/** The operation once it has ended. */
export const ended = ({ id }: Pick<BulkOperation, "id">) =>
  TestRuns.eventually(get(id), ({ status }) => status !== "running")

/** Makes an operation, and returns it once it has ended. */
export const run = (bulk: NewBulk) => Effect.flatMap(create(bulk), ended)

export const countsOf = (bulk: BulkOperation) => Struct.pick(bulk, "matched", "done", "skipped", "failed")

/** This number of runs is done, and no others. */
export const allDone = (count: number) => ({ matched: count, done: count, skipped: 0, failed: 0 })

/** Submits runs, each in its own lane. */
export const submit = (count: number, input: Partial<SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const submissions = Array.makeBy(count, () => TestRuns.submission(input))
    const submitted: Array<Run> = []
    for (const some of Array.chunksOf(submissions, 500)) {
      const verdicts = yield* runs.submitMany(some)
      submitted.push(...verdicts.map((verdict) => Either.getOrThrow(verdict).run))
    }
    return submitted
  })

/** Submits runs, and fails them. */
export const submitFailed = (count: number, input: Partial<SubmissionInput> = {}) =>
  Effect.gen(function* () {
    const [leases, submitted] = [yield* Leases, yield* submit(count, { maxAttempts: 1, ...input })]
    const worker = yield* TestRuns.register()
    let left = count
    while (left > 0) {
      const claimed = yield* TestRuns.claim(worker, { limit: 100 })
      left -= claimed.length
      yield* Effect.forEach(
        claimed,
        (each) =>
          leases.complete(TestRuns.leaseOf(each), {
            status: "failed",
            error: { code: "broken", message: "It is broken" },
          }),
        { concurrency: "unbounded", discard: true },
      )
    }
    return submitted
  })

/** The runs of a project by their status. */
export const statuses = Effect.map(
  Effect.flatMap(Summaries, (summaries) => summaries.counts()),
  ({ counts }) => Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
)

/** How often the log of a run ends. */
export const endsOf = (runId: Ids.RunId) =>
  Effect.map(
    TestRuns.typesOf(runId),
    (types) => types.filter((type) => type === "RUN_FINISHED" || type === "RUN_ERROR").length,
  )

export const agent = (name: string) => Ids.AgentId.make(name)
