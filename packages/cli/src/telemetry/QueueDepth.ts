/** How many runs are in each status and under each limit, and how many messages are due, while something reads the metrics of the server. */
import { Access, ControlPlane, Limits, Run, Statistics } from "@runlease/core"
import * as Meter from "@runlease/core/Meter"
import { LimitKey } from "@runlease/store"
import { Context, Duration, Effect, Layer, MetricLabel, Schedule } from "effect"

const runs = Meter.gauge({
  name: "runlease_store_runs",
  unit: "{run}",
  description: "Runs of the database by their status; those that are pending are the queue",
  labels: ["project", "status"],
})

export const all: ReadonlyArray<Meter.Meter> = [runs]

const interval = Duration.seconds(5)

export const ofStatuses: Layer.Layer<never, never, Access.Access | ControlPlane.ControlPlane> =
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

const limitRuns = Meter.gauge({
  name: "runlease_limit_runs",
  unit: "{run}",
  description: "Runs under limits: those that work, that have a place, and that wait for one",
  labels: ["project", "kind", "limit", "state"],
})

export const limitMeters: ReadonlyArray<Meter.Meter> = [limitRuns]

const states = ["running", "open", "waiting"] as const

const dueMessages = Meter.gauge({
  name: "runlease_webhook_due_messages",
  unit: "{message}",
  description: "Messages of webhooks that are due and that no server sends yet, up to 10,000",
})

export const messageMeters: ReadonlyArray<Meter.Meter> = [dueMessages]

/** A look at more of them would take long. */
const mostDue = 10_000

/** How many messages are due, while something reads the metrics of the server. */
export const ofMessages: Layer.Layer<never, never, ControlPlane.ControlPlane> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const { deliveries } = yield* ControlPlane.ControlPlane
    const look = Effect.map(deliveries.countDue(mostDue), (count) => dueMessages.set(count))
    // The next look finds what this one did not.
    yield* Effect.forkScoped(
      Effect.repeat(Effect.withTracerEnabled(Effect.ignore(look), false), Schedule.spaced(interval)),
    )
  }),
)

/** The pause between two looks: at least this, and so long that looks take a hundredth of the time at most. */
const pause = Duration.seconds(5)

const share = 100

/** The runs of some limits that share a series. */
type Counts = Record<(typeof states)[number], number>

/**
 * How many runs of each limit work, have a place, and wait for one, while something reads the metrics of the server.
 *
 * The limits of concurrency keys are one series of a project, and the keys of a limit with a name are one series of that name: keys have no bound.
 */
export const ofLimits: Layer.Layer<never, never, Access.Access | ControlPlane.ControlPlane> =
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const access = yield* Access.Access
      const controlPlane = yield* ControlPlane.ControlPlane
      /** The series of the last look, by their labels as JSON. Those that are no longer there become zeros. */
      const series = new Map<string, Counts>()

      const addProject = (project: string, { list }: Context.Tag.Service<typeof Limits.Limits>) =>
        Effect.gen(function* () {
          let cursor: string | undefined
          do {
            const page: Effect.Effect.Success<ReturnType<typeof list>> = yield* list({ cursor, limit: 100 })
            for (const limit of page.items) {
              const labels = JSON.stringify([project, limit.kind, LimitKey.withoutKey(limit)])
              const counts = series.get(labels) ?? { running: 0, open: 0, waiting: 0 }
              for (const state of states) counts[state] += limit[state]
              series.set(labels, counts)
            }
            cursor = page.next ?? undefined
          } while (cursor !== undefined)
        })

      const look = Effect.gen(function* () {
        for (const counts of series.values()) for (const state of states) counts[state] = 0
        for (const { id, slug } of yield* access.listProjects) {
          yield* addProject(slug, Context.get(controlPlane.project(id), Limits.Limits))
        }
        for (const [labels, counts] of series) {
          const [project, kind, limit] = JSON.parse(labels) as [string, string, string]
          for (const state of states) {
            const pairs = Object.entries({ project, kind, limit, state })
            limitRuns.set(
              counts[state],
              pairs.map(([label, value]) => MetricLabel.make(label, value)),
            )
          }
        }
      })

      // The next look finds what this one did not.
      const lookAndPause = Effect.timed(Effect.withTracerEnabled(Effect.ignore(look), false)).pipe(
        Effect.flatMap(([took]) => Effect.sleep(Duration.max(pause, Duration.times(took, share)))),
      )
      yield* Effect.forkScoped(Effect.forever(lookAndPause))
    }),
  )
