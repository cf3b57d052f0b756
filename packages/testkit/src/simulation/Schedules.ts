/** The schedules of a simulated world, of a store that has the port. */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import type { InvalidCursor } from "@runlease/core/Page"
import type { Schedule } from "@runlease/core/Schedule"
import { type InvalidSchedule, Schedules } from "@runlease/core/Schedules"
import { Context, DateTime, Effect, Option } from "effect"
import type { FinalSchedule } from "./History.js"
import type { Link } from "./Network.js"
import type { PlannedSchedule } from "./Plan.js"

/** How long a declaration waits for its answer, in milliseconds. */
const patience = 1_500

const nothing = () => {}

/** Declares a schedule, as the code of a deploy does. */
export const declare = (
  ports: Context.Context<ProjectPorts>,
  link: Link,
  { every, first, missed, name, policy, ticks }: PlannedSchedule,
): Effect.Effect<unknown, InvalidSchedule | ControlPlaneError> =>
  Option.match(Context.getOption(ports, Schedules), {
    onNone: () => Effect.void,
    onSome: ({ apply }) =>
      link.request({
        operation: "Apply",
        patience,
        serve: apply({
          source: name,
          schedules: [
            {
              key: name,
              name,
              target: { kind: "agent", id: "agent" },
              schedule: `every ${every / 1000}s`,
              startsAt: DateTime.unsafeMake(first),
              endsAt: DateTime.unsafeMake(first + (ticks - 1) * every),
              concurrencyPolicy: policy,
              missed,
              config: { prompt: name },
            },
          ],
        }),
        executed: nothing,
        received: nothing,
      }),
  })

const finalOf = (schedule: Schedule): FinalSchedule => ({
  id: schedule.id,
  key: schedule.sourceTriggerId ?? schedule.id,
  createdAt: schedule.createdAt.epochMillis,
  first: schedule.startsAt?.epochMillis ?? 0,
  every: Number.parseInt(schedule.schedule.slice("every ".length), 10) * 1000,
  last: schedule.endsAt?.epochMillis ?? Number.POSITIVE_INFINITY,
  policy: schedule.concurrencyPolicy,
  missed: schedule.missed,
  isComplete: schedule.nextAt === null,
  skipped: schedule.skipped,
})

/** The schedules of the project, of which a simulation has few. */
export const finals = (
  ports: Context.Context<ProjectPorts>,
): Effect.Effect<ReadonlyArray<FinalSchedule>, InvalidCursor | ControlPlaneError> =>
  Option.match(Context.getOption(ports, Schedules), {
    onNone: () => Effect.succeed([]),
    onSome: ({ list }) => Effect.map(list({ limit: 100 }), ({ items }) => items.map(finalOf)),
  })
