/**
 * What is measured of the process, while something reads its metrics.
 */
import * as Meter from "@runlease/core/Meter"
import { Duration, Effect, Layer, Schedule } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"

const lag = Meter.gauge({
  name: "runlease_process_event_loop_lag_seconds",
  unit: "s",
  description: "How late the event loop was in the last seconds, by percentile",
  // A label `quantile` is that of a summary in the format of Prometheus.
  labels: ["percentile"],
})

const memory = Meter.gauge({
  name: "runlease_process_resident_memory_bytes",
  unit: "By",
  description: "Memory of the process",
})

const cpu = Meter.counter({
  name: "runlease_process_cpu_seconds_total",
  unit: "s",
  description: "CPU time of the process",
})

export const all: ReadonlyArray<Meter.Meter> = [lag, memory, cpu]

/** How often the process is looked at, and how often its event loop. */
const interval = Duration.seconds(5)
const resolutionMillis = 10

const byPercentile = Meter.label("percentile")
const percentiles = [50, 99, 100]

export const layer: Layer.Layer<never> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const delays = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const histogram = monitorEventLoopDelay({ resolution: resolutionMillis })
        histogram.enable()
        return histogram
      }),
      (histogram) => Effect.sync(() => histogram.disable()),
    )
    yield* Meter.register(all)
    let used = 0
    const look = Effect.sync(() => {
      for (const percentile of percentiles) {
        // It has the time between two of its timers.
        const nanos = delays.percentile(percentile) - resolutionMillis * 1e6
        lag.set(Math.max(0, nanos / 1e9), byPercentile(String(percentile)))
      }
      delays.reset()
      memory.set(process.memoryUsage.rss())
      const { system, user } = process.cpuUsage()
      cpu.add((system + user) / 1e6 - used)
      used = (system + user) / 1e6
    })
    yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced(interval)))
  }),
)
