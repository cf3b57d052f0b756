/**
 * The signals of the workers of one project. Wake-ups know a worker by its id alone.
 *
 * @since 0.1.0
 */
import { Effect, Stream } from "effect"
import type * as Ids from "../../model/Ids.js"
import type { Leases } from "../../ports/Leases.js"
import type { StoreReads } from "../rows/StoreReads.js"
import type { Wakeups } from "../commit/Wakeups.js"

/** The stream of a worker of another project stays silent. */
export const make =
  <X>({ worker }: StoreReads<X>, { signals }: Wakeups) =>
  (projectId: Ids.ProjectId): Leases["Type"]["signals"] =>
  (workerId) =>
    Stream.unwrap(
      worker(workerId).pipe(
        Effect.map((found) => (found.projectId === projectId ? signals(workerId) : Stream.never)),
        Effect.catchTag("WorkerNotFound", () => Effect.succeed(Stream.never)),
      ),
    )
