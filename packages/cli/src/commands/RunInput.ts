/**
 * The payload that a run was submitted with.
 */
import { type Ids, Runs } from "@runlease/core"
import { Effect, Option } from "effect"

/** Undefined for a run without one, and where the server does not show the request of a run. */
export const inputOf = (runId: Ids.RunId): Effect.Effect<unknown, never, Runs.Runs> =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Effect.map(Effect.option(runs.snapshot(runId)), (snapshot) => Option.getOrUndefined(snapshot)?.input),
  )
