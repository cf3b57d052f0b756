/**
 * What is measured of a process: counters, gauges and histograms of Effect's own registry, which exporters read.
 *
 * An update costs some 10 to 40 nanoseconds. So they are made where the fact happens, whether an exporter is there or not.
 *
 * Source: docs/decisions/0073-telemetry.md
 */
import { Effect, Metric, MetricBoundaries, MetricKey, MetricLabel } from "effect"

/** Labels of a value. The same array for the same labels: the registry finds the value by it. */
export type Labels = ReadonlyArray<MetricLabel.MetricLabel>

/**
 * What a meter measures. Names are stable, and end with the unit where there is one.
 *
 * Units: as UCUM writes them: `s`, `By`, and for a number of things their name in braces. An exporter that adds units to names, as the
 * collector of OpenTelemetry does, adds none for a name in braces. It would make a ratio of a gauge with the unit `1`.
 */
export interface Description {
  readonly name: `runlease_${string}`
  readonly unit: "s" | "By" | `{${string}}`
  readonly description: string
  readonly labels?: ReadonlyArray<string>
  /** The values of its only label, where they are fixed. */
  readonly values?: ReadonlyArray<string>
}

export interface Meter extends Description {
  readonly kind: "counter" | "gauge" | "histogram"
  /** Adds to a counter or a gauge, or observes a value in a histogram. */
  readonly add: (value: number, labels?: Labels) => void
  /** Sets a gauge. */
  readonly set: (value: number, labels?: Labels) => void
  /** Exports the value from now on, as zero until it changes. */
  readonly register: (labels?: Labels) => void
}

const none: Labels = []

/** The label in which exporters look for the unit. */
const unitLabel = "unit"

type Key = Parameters<typeof Metric.fromMetricKey>[0]

const make = (kind: Meter["kind"], described: Description, key: Key): Meter => {
  const metric = Metric.fromMetricKey(
    MetricKey.taggedWithLabels(key, [MetricLabel.make(unitLabel, described.unit)]),
  ) as Metric.Metric<unknown, number, unknown>
  return {
    ...described,
    kind,
    add: (value, labels = none) => metric.unsafeModify(value, labels),
    set: (value, labels = none) => metric.unsafeUpdate(value, labels),
    register: (labels = none) => void metric.unsafeValue(labels),
  }
}

export const counter = (described: Description): Meter => {
  const { description, name } = described
  return make("counter", described, MetricKey.counter(name, { description, incremental: true }))
}

export const gauge = (described: Description): Meter => {
  const { description, name } = described
  return make("gauge", described, MetricKey.gauge(name, { description }))
}

/** A histogram with these upper bounds of its buckets. */
export const histogram = (described: Description, bounds: ReadonlyArray<number>): Meter => {
  const { description, name } = described
  return make(
    "histogram",
    described,
    MetricKey.histogram(name, MetricBoundaries.fromIterable(bounds), description),
  )
}

/** Bounds in seconds for what takes from a millisecond to some minutes. */
export const seconds: ReadonlyArray<number> = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
]

/** Bounds in seconds for what may take hours. */
export const longSeconds: ReadonlyArray<number> = [...seconds, 900, 3600, 14_400, 86_400]

export const label = (name: string): ((value: string) => Labels) => {
  const tagged = new Map<string, Labels>()
  return (value) => {
    let labels = tagged.get(value)
    if (labels === undefined) tagged.set(value, (labels = [MetricLabel.make(name, value)]))
    return labels
  }
}

/**
 * The labels for each pair of values of two labels. Values of the second one beyond the first hundred count as `other`, since they
 * come from outside.
 */
export const labels = (first: string, second: string): ((one: string, other: string) => Labels) => {
  const most = 100
  const tagged = new Map<string, Labels>()
  const values = new Set<string>()
  return (one, other) => {
    if (!values.has(other) && values.size < most) values.add(other)
    const value = values.has(other) ? other : "other"
    const key = `${one} ${value}`
    let found = tagged.get(key)
    if (found === undefined) {
      tagged.set(key, (found = [MetricLabel.make(first, one), MetricLabel.make(second, value)]))
    }
    return found
  }
}

/**
 * Exports the counters and the histograms as zeros from now on, for each fixed value of their labels. A reader of a
 * counter sees an increase only between two values that it has read, so one that appears with its first increase hides it.
 */
export const register = (meters: ReadonlyArray<Meter>): Effect.Effect<void> =>
  Effect.sync(() => {
    for (const meter of meters) {
      const { kind, labels: names = [], values = [] } = meter
      const [name] = names
      if (kind === "gauge") continue
      if (name === undefined) meter.register()
      else for (const value of values) meter.register([MetricLabel.make(name, value)])
    }
  })
