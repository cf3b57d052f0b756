/**
 * How many runs of each project are in each status, while something reads the metrics of the server.
 */
import { Access, ControlPlane, Run, Statistics } from "@runlease/core"
import { Meter } from "@runlease/core/internal"
import { Context, Duration, Effect, Layer, MetricLabel, Schedule } from "effect"

const runs = Meter.gauge({
  name: "runlease_store_runs",
  unit: "{run}",
  description: "Runs of the database by their status; those that are pending are the queue",
  labels: ["project", "status"],
})

/** All of them. */
export const all: ReadonlyArray<Meter.Meter> = [runs]

const interval = Duration.seconds(5)

export const layer: Layer.Layer<never, never, Access.Access | ControlPlane.ControlPlane> =
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const access = yield* Access.Access
      const controlPlane = yield* ControlPlane.ControlPlane
      const look = Effect.gen(function* () {
        for (const { id, slug } of yield* access.listProjects) {
          // A project without a run has zeros: none of its values is absent.
          const totals = new Map(Run.RunStatus.literals.map((status): [string, number] => [status, 0]))
          for (const counts of yield* Context.get(controlPlane.project(id), Statistics.Statistics).counts()) {
            for (const [status, count] of Object.entries(counts.runs)) {
              totals.set(status, (totals.get(status) ?? 0) + count)
            }
          }
          for (const [status, count] of totals) {
            runs.set(count, [MetricLabel.make("project", slug), MetricLabel.make("status", status)])
          }
        }
      })
      // The next look finds what this one did not.
      yield* Effect.forkScoped(
        Effect.repeat(Effect.withTracerEnabled(Effect.ignore(look), false), Schedule.spaced(interval)),
      )
    }),
  )
