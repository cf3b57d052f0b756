/** Deleting finished runs after a while. */
import { Access } from "@runlease/core/Access"
import { ControlPlane, type PruneRequest } from "@runlease/core/ControlPlane"
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import { Duration, Effect, Layer } from "effect"

/** The time between two commits, so that waiting claims and appends go first. */
const pause = Duration.millis(10)

/**
 * Prunes a project in small commits until no run is old enough; returns the number of runs that it deleted.
 *
 * Fails: `ControlPlaneUnavailable`; runs that were deleted before stay deleted.
 */
export const pruneAll = Effect.fn("Retention.pruneAll")(function* (
  request: Omit<PruneRequest, "limit">,
): Effect.fn.Return<number, ControlPlaneError, ControlPlane> {
  const controlPlane = yield* ControlPlane
  let { more, pruned } = yield* controlPlane.prune(request)
  while (more) {
    yield* Effect.sleep(pause)
    const next = yield* controlPlane.prune(request)
    pruned += next.pruned
    more = next.more
  }
  return pruned
})

/** A tenth of the retention time, but at least a second and at most an hour. */
const intervalOf = (keepFinished: Duration.Duration): Duration.Duration =>
  Duration.clamp(Duration.times(keepFinished, 0.1), { minimum: "1 second", maximum: "1 hour" })

/**
 * Deletes the runs of every project once they have been finished for `keepFinished`, for as long as the layer lives. A
 * round that fails is tried again at the next one.
 *
 * Source: docs/decisions/0008-pruning.md
 */
export const layerWith = (options: {
  readonly keepFinished: Duration.DurationInput
}): Layer.Layer<never, never, ControlPlane | Access> => {
  const olderThan = Duration.decode(options.keepFinished)
  const round = Effect.gen(function* () {
    const access = yield* Access
    for (const project of yield* access.listProjects) {
      const pruned = yield* pruneAll({ projectId: project.id, olderThan })
      if (pruned > 0) yield* Effect.logInfo(`Deleted ${pruned} finished runs of project ${project.slug}`)
    }
  }).pipe(Effect.catchAll((error) => Effect.logWarning("Finished runs could not be deleted", error)))
  return Layer.scopedDiscard(
    Effect.forkScoped(Effect.forever(Effect.zipRight(round, Effect.sleep(intervalOf(olderThan))))),
  )
}
