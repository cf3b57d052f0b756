/**
 * Operations on rows that are a record.
 */
import { Effect, Either, Function } from "effect"
import type { RunOperation } from "../commit/RunCommits.js"
import type { Identified, RecordRef, RecordTable } from "../rows/Records.js"

/** An operation whose requests are decided one after the other. */
export const inTurn = <Request, A, E, X>(
  name: string,
  decide: (
    request: Request,
    batch: Parameters<RunOperation<Request, A, A, E, X>["decide"]>[1],
  ) => Effect.Effect<Either.Either<A, E>, X>,
): RunOperation<Request, A, A, E, X> => ({
  name,
  decide: (requests, batch) => Effect.forEach(requests, (request) => decide(request, batch)),
  answer: Function.identity,
})

/** A change of one record. `null` removes it. */
export interface Change<R, E> extends RecordRef {
  readonly change: (record: R, now: number) => Either.Either<R | null, E>
}

/** Changes one record, and answers with it, as it was where it is removed. `missing`: the failure where there is none of that id. */
export const change = <R extends Identified, E, M, X>(
  name: string,
  table: RecordTable<R>,
  missing: (id: string) => M,
) =>
  inTurn<Change<R, E>, R, E | M, X>(name, ({ change: apply, ...ref }, { now, rows }) =>
    Effect.gen(function* () {
      const records = rows.records(table)
      const found = yield* records.find(ref)
      if (found === undefined) return Either.left(missing(ref.id))
      const changed = apply(found.record, now)
      if (Either.isLeft(changed)) return Either.left(changed.left)
      const { key } = found
      const record = changed.right
      yield* records.write(record === null ? { removed: [key] } : { updated: [{ key, record }] })
      return Either.right(record ?? found.record)
    }),
  )
