/**
 * Finding a run, and paging through what was found.
 */
import { Either } from "effect"
import type * as Ids from "../Ids.js"
import { defaultLimit, maxLimit, type Page, type PageRequest } from "../Page.js"
import { type Fence, LeaseLost, RunNotFound } from "../Run.js"
import type { ProjectState, RunRecord } from "./State.js"

export const findRun = (project: ProjectState, runId: Ids.RunId): Either.Either<RunRecord, RunNotFound> =>
  Either.fromNullable(project.runs.get(runId), () => new RunNotFound({ runId }))

export const leaseLost = (runId: Ids.RunId, fence: Fence): Either.Either<never, LeaseLost> =>
  Either.left(new LeaseLost({ runId, workerId: fence.workerId }))

/** The page of `items` after the one that the cursor names. */
export const pageOf = <A>(
  items: ReadonlyArray<A>,
  request: PageRequest | undefined,
  idOf: (item: A) => string,
): Page<A> => {
  const limit = Math.min(Math.max(1, request?.limit ?? defaultLimit), maxLimit)
  const cursor = request?.cursor
  const start = cursor === undefined ? 0 : items.findIndex((item) => idOf(item) === cursor) + 1
  const page = items.slice(start, start + limit)
  return { items: page, next: start + limit < items.length ? idOf(page.at(-1)!) : null }
}
