/** Faults of schedules. */
import { Schedules } from "@runlease/core/Schedules"
import { Context, Effect, Option } from "effect"
import type { Change } from "./Fault.js"

/** Changes the port of schedules of a store that has it. */
const replace =
  (change: (schedules: Schedules["Type"]) => Schedules["Type"]): Change =>
  (ports) =>
    Effect.sync(() =>
      Option.match(Context.getOption(ports, Schedules), {
        onNone: () => ports,
        onSome: (schedules) => Context.add(ports, Schedules, change(schedules)),
      }),
    )

/** Takes each declaration for one of another source. */
export const declaredAgain = replace((schedules) => {
  let count = 0
  return {
    ...schedules,
    apply: (declared) =>
      Effect.suspend(() => {
        count += 1
        return schedules.apply({ ...declared, source: `${declared.source}-${count}` })
      }),
  }
})

/** Shows no skipped tick. */
export const uncounted = replace((schedules) => ({
  ...schedules,
  list: (options) =>
    Effect.map(schedules.list(options), (page) => ({
      ...page,
      items: page.items.map((schedule) => ({ ...schedule, skipped: { missed: 0, overlap: 0 } })),
    })),
}))
