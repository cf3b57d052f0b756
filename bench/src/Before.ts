/** The commit before: another checkout, installed and built, which is measured beside this one. */
import { Context, Effect, Option } from "effect"

/** Its folder, from `--before`. */
export class Before extends Context.Reference<Before>()("bench/Before", {
  defaultValue: () => Option.none<string>(),
}) {}

/** Then runs are submitted, since its tables may differ; those of this commit too, so that both are as warm. */
export const isGiven: Effect.Effect<boolean> = Effect.map(Before, Option.isSome)

/** What is measured of the commit before; nothing when it is not given. */
export const each = <A>(
  of: (checkout: string) => ReadonlyArray<A>,
): Effect.Effect<ReadonlyArray<A>, never, never> =>
  Effect.map(Before, Option.match({ onNone: () => [], onSome: of }))
