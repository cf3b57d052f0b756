/** Histories of conversations that are rebuilt from their runs. Each takes the memory of its messages while it is read. */
import type { Ids } from "@runlease/core"
import { Context, Effect, Layer, RcMap } from "effect"
import { CurrentPrincipal } from "../contract/Principal.js"

/** The number of histories that are rebuilt at once. */
const atOnce = 4

export class Rebuilds extends Context.Tag("@runlease/http/server/Rebuilds")<
  Rebuilds,
  {
    /**
     * Runs what rebuilds a history in its turn. Those of one project come one after the other, so a project waits for one history of each
     * other project at most. What is in its turn already has no other.
     */
    readonly inTurn: <A, E, R>(rebuild: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | CurrentPrincipal>
  }
>() {}

/** Whether a fiber has its turn. */
class HasTurn extends Context.Reference<HasTurn>()("@runlease/http/server/Rebuilds/HasTurn", {
  defaultValue: () => false,
}) {}

export const layer: Layer.Layer<Rebuilds> = Layer.scoped(
  Rebuilds,
  Effect.gen(function* () {
    const turns = yield* Effect.makeSemaphore(atOnce)
    const projects = yield* RcMap.make<Ids.ProjectId, Effect.Semaphore, never, never>({
      lookup: () => Effect.makeSemaphore(1),
    })
    return {
      inTurn: (rebuild) =>
        Effect.flatMap(Effect.all([CurrentPrincipal, HasTurn]), ([{ projectId }, hasTurn]) =>
          hasTurn
            ? rebuild
            : Effect.scoped(
                Effect.flatMap(RcMap.get(projects, projectId), (own) =>
                  own.withPermits(1)(turns.withPermits(1)(Effect.provideService(rebuild, HasTurn, true))),
                ),
              ),
        ),
    }
  }),
)
