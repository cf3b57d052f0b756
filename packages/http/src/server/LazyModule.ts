/**
 * Modules of a server that many servers never use, each loaded by the first request that needs it.
 */
import { Effect } from "effect"

/** The module, which all uses share. One that cannot be loaded is a defect of the request, which the log has. */
export const of = <Module>(load: () => Promise<Module>): Effect.Effect<Module> => {
  let loaded: Module | undefined
  return Effect.suspend(() =>
    loaded === undefined
      ? Effect.map(Effect.promise(load), (module) => (loaded = module))
      : Effect.succeed(loaded),
  )
}
