/**
 * What the retries of a part of a bulk operation begin with. It is read between two commits: the first finds the runs, the second submits
 * them again.
 *
 * Source: docs/decisions/0122-retry-keeps-records.md
 */
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import type { RunNotFound } from "@runlease/core/Run"
import type { RetryRefused } from "@runlease/core/Runs"
import { Array, Effect, Either } from "effect"
import type { RunState } from "../rules/RunState.js"
import { logKey } from "../commit/Wakeups.js"
import type { RunRef } from "../rows/RunRows.js"
import type { Reading } from "../rows/StoreReads.js"
import { maxLength } from "./RecordReads.js"
import * as Retry from "./Retry.js"
import { type Seed, unseeded } from "./SubmitRequest.js"

/** What some runs begin with, by the names of their logs. */
export type Seeds = ReadonlyMap<string, Either.Either<Seed, RetryRefused | RunNotFound>>

/** Nothing is read yet. */
export const none: Seeds = new Map()

/** How many runs are read at once. */
const atOnce = 8

/** A log that was opened and closed has nothing to begin with. */
const isBare = ({ latestEventId }: Pick<RunState, "latestEventId">): boolean => latestEventId <= Retry.bareLog

/** Whether what the retry of a run begins with is to be read. */
export const isUnread = (seeds: Seeds, state: Pick<RunState, "latestEventId" | "spec">): boolean =>
  !isBare(state) && !seeds.has(logKey(state.spec))

/** What the retry of a run begins with, where it is not to be read. */
export const seedOf = (
  seeds: Seeds,
  { spec }: Pick<RunState, "spec">,
): Either.Either<Seed, RetryRefused | RunNotFound> => seeds.get(logKey(spec)) ?? Either.right(unseeded)

/** Reads what these runs give their retries: of the first of them, as much as one commit copies. */
export const read = <X>(
  reads: Reading<X>,
  operation: string,
  runs: ReadonlyArray<RunRef>,
): Effect.Effect<Seeds, ControlPlaneUnavailable> =>
  Effect.gen(function* () {
    const seeds = new Map<string, Either.Either<Seed, RetryRefused | RunNotFound>>()
    const readOne = (ref: RunRef) =>
      reads
        .named(operation, ref, ({ run }, found) => run(found))
        .pipe(
          Effect.flatMap((run) => Retry.beginningOf(reads, operation, run)),
          Effect.map(({ length, seed }) => ({ length, seed: Either.right(seed) })),
          Effect.catchTags({
            RetryRefused: (refusal) => Effect.succeed({ length: 0, seed: Either.left(refusal) }),
            RunNotFound: (refusal) => Effect.succeed({ length: 0, seed: Either.left(refusal) }),
          }),
          Effect.map((begun) => ({ ...begun, name: logKey(ref) })),
        )
    let length = 0
    for (const some of Array.chunksOf(runs, atOnce)) {
      for (const begun of yield* Effect.forEach(some, readOne, { concurrency: "unbounded" })) {
        length += begun.length
        if (length > maxLength && seeds.size > 0) return seeds
        seeds.set(begun.name, begun.seed)
      }
    }
    return seeds
  })
