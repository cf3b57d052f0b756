/**
 * Leases on SQL.
 *
 * @since 0.1.0
 */
import { type Ids, type Leases, Run } from "@runlease/core"
import { DateTime, Duration, Effect, Either } from "effect"
import * as Moves from "./Moves.js"
import * as RunBatch from "./RunBatch.js"
import type { RunRow } from "./RunRow.js"
import type { SqlStore } from "./SqlStore.js"

interface Renew {
  readonly projectId: Ids.ProjectId
  readonly request: Leases.RenewRequest
}

/** A move of a run that only its holder may make. */
interface HolderMove {
  readonly projectId: Ids.ProjectId
  readonly lease: Run.LeaseRef
  readonly move: (row: RunRow, now: number) => Moves.Move
}

/** Only the lease's end is written: a renewal touches no other column and no log. */
const renewalColumns = { run_pk: "integer", lease_expires_at: "integer" } as const

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  store: SqlStore,
): ((projectId: Ids.ProjectId) => Omit<Leases.Leases["Type"], "complete">) => {
  const { sql, dialect, writer, wakeups } = store

  const renew = writer.operation<Renew, ReadonlyArray<Leases.Renewal>>({
    name: "Leases.renew",
    run: (requests, commit) =>
      Effect.gen(function* () {
        const runs = yield* RunBatch.make(store, commit)
        yield* runs.load(
          requests.flatMap(({ projectId, request }) =>
            request.leases.map(({ runId }) => ({ projectId, runId })),
          ),
        )
        const renewed: Array<{ readonly run_pk: number; readonly lease_expires_at: number }> = []
        const renewOne = (
          { projectId, request }: Renew,
          { runId, epoch }: Leases.RenewRequest["leases"][number],
        ): Leases.Renewal => {
          const row = runs.find({ projectId, runId })
          if (row === undefined) return { _tag: "Lost", runId }
          switch (Moves.standing(row, { workerId: request.workerId, epoch }, runs.now)) {
            case "held": {
              const expiresAt = runs.now + Duration.toMillis(request.leaseDuration)
              renewed.push({ run_pk: row.run_pk, lease_expires_at: expiresAt })
              return { _tag: "Held", runId, expiresAt: DateTime.unsafeMake(expiresAt) }
            }
            case "ended":
              return { _tag: row.status === "cancelled" ? "Cancelled" : "Lost", runId }
            case "lost":
              return { _tag: "Lost", runId }
          }
        }
        const answers = requests.map((renewal) =>
          Either.right(renewal.request.leases.map((lease) => renewOne(renewal, lease))),
        )
        if (renewed.length > 0) {
          yield* sql`UPDATE runs SET lease_expires_at = v.lease_expires_at, updated_at = ${runs.now}
            FROM ${dialect.rows(renewalColumns, renewed)} v WHERE runs.run_pk = v.run_pk`
        }
        return answers
      }),
  })

  const moveHeld = writer.operation<HolderMove, void, Run.LeaseLost | Run.RunNotFound>({
    name: "Leases.move",
    run: (requests, commit) =>
      Effect.gen(function* () {
        const runs = yield* RunBatch.make(store, commit)
        yield* runs.load(requests.map(({ projectId, lease: { runId } }) => ({ projectId, runId })))
        const verdicts = requests.map(({ projectId, lease, move }) => {
          const { runId, workerId } = lease
          const row = runs.find({ projectId, runId })
          if (row === undefined) return Either.left(new Run.RunNotFound({ runId }))
          if (Moves.standing(row, lease, runs.now) !== "held") {
            return Either.left(new Run.LeaseLost({ runId, workerId }))
          }
          runs.move(move(row, runs.now))
          return Either.void
        })
        yield* runs.flush
        return verdicts
      }),
  })

  return (projectId) => ({
    renew: Effect.fn("Leases.renew")((request) => renew({ projectId, request })),

    release: Effect.fn("Leases.release")((lease, release = {}) => {
      const how = {
        reason: release.reason ?? null,
        delay: Duration.toMillis(release.delay ?? Duration.zero),
        counted: release.countAttempt ?? false,
      }
      return moveHeld({ projectId, lease, move: (row, now) => Moves.release(row, how, now) })
    }),

    suspend: Effect.fn("Leases.suspend")((lease, suspension) =>
      moveHeld({ projectId, lease, move: (row, now) => Moves.suspend(row, suspension, now) }),
    ),

    signals: (workerId) => wakeups.signals(workerId),
  })
}
