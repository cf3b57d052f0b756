/** CPU of the processes that work together. */
import { Effect } from "effect"

/** Microseconds of CPU so far, by process. Null where it cannot be measured. */
export type Meters = Readonly<Record<string, Effect.Effect<number | null>>>

/** Does the work and returns the microseconds of CPU that each process used meanwhile. */
export const during = <A, E, R>(meters: Meters, work: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* Effect.all(meters)
    const value = yield* work
    const after = yield* Effect.all(meters)
    const used = (name: string): number | null => {
      const [from, to] = [before[name] ?? null, after[name] ?? null]
      return from === null || to === null ? null : to - from
    }
    return { value, used: Object.fromEntries(Object.keys(meters).map((name) => [name, used(name)])) }
  })

/** The microseconds of each process for each of `count` items. */
export const per = (
  count: number,
  used: Readonly<Record<string, number | null>>,
): Readonly<Record<string, number | null>> =>
  Object.fromEntries(
    Object.entries(used).map(([name, micros]) => [name, micros === null ? null : micros / count]),
  )
