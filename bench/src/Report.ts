/** What was measured, as tables. */
import type { Effect } from "effect"
import type * as Backlog from "./measure/Backlog.js"
import type * as Events from "./measure/Events.js"
import type * as Holding from "./measure/Holding.js"
import type * as PickUp from "./measure/PickUp.js"
import type * as Throughput from "./measure/Throughput.js"
import type { Summary } from "./Statistics.js"
import { number, ratio, render, spread } from "./Table.js"

type Result<M extends { readonly measure: Effect.Effect<unknown, unknown, unknown> }> = Effect.Effect.Success<
  M["measure"]
>

/** Each result with its ratio to the floor that `floorOf` names, empty for a floor. */
const withRatio = (
  results: ReadonlyArray<{ readonly name: string; readonly perSecond: Summary }>,
  floorOf: (name: string) => string,
) => {
  const medians = new Map(results.map(({ name, perSecond }) => [name, perSecond.median]))
  return ({ name, perSecond }: (typeof results)[number]): string => {
    const floor = floorOf(name)
    const value = medians.get(floor)
    return value === undefined || floor === name ? "" : ratio(perSecond.median, value)
  }
}

const synchronousOf = (name: string): string => (name.includes("full") ? "full" : "normal")

export const throughput = (results: Result<typeof Throughput>): string => {
  const one = withRatio(results, (name) =>
    name.startsWith("HTTP")
      ? `HTTP, bare server and client, ${/\d+/.exec(name)?.[0]} at once`
      : `by hand, ${synchronousOf(name)}, one by one`,
  )
  const many = withRatio(results, (name) =>
    name.startsWith("HTTP") ? "" : `by hand, ${synchronousOf(name)}, 50 to a commit`,
  )
  return render(
    "Runs per second through submit, claim, complete",
    ["", "runs/s, median (range)", "÷ floor", "÷ floor in batches", "claim p50 ms", "claim p99 ms"],
    results.map((result) => [
      result.name,
      spread(result.perSecond),
      one(result),
      many(result),
      result.claim === null ? "" : number(result.claim.p50),
      result.claim === null ? "" : number(result.claim.p99),
    ]),
  )
}

export const pickUp = (results: Result<typeof PickUp>): string =>
  render(
    "Pick-up by an idle worker, milliseconds",
    ["", "since acknowledged p50", "p99", "since sent p50", "p99"],
    results.map(({ name, sinceAcknowledged, sinceSent }) => [
      name,
      number(sinceAcknowledged.p50),
      number(sinceAcknowledged.p99),
      number(sinceSent.p50),
      number(sinceSent.p99),
    ]),
  )

export const events = (results: Result<typeof Events>): string => {
  const one = withRatio(results, (name) => `by hand, ${synchronousOf(name)}, one by one`)
  const many = withRatio(results, (name) => `by hand, ${synchronousOf(name)}, 50 to a commit`)
  return render(
    "Events per second into 64 runs",
    ["", "events/s, median (range)", "÷ floor", "÷ floor in batches"],
    results.map((result) => [result.name, spread(result.perSecond), one(result), many(result)]),
  )
}

export const backlog = (results: Result<typeof Backlog>): string =>
  render(
    "A claim of one run, milliseconds",
    ["", "p50, median of rounds (range)", "÷ first", "p99"],
    results.map(({ name, p50, p99 }) => [
      name,
      spread(p50),
      ratio(p50.median, results[0]!.p50.median),
      number(p99),
    ]),
  )

export const holding = (result: Result<typeof Holding>): string =>
  [
    render(
      `CPU while ${number(result.leases)} leases of ${result.leaseSeconds} s are held over HTTP, percent of a core`,
      ["worker that holds them", "idle worker", "server"],
      [[number(result.cpuPercent.holder), number(result.cpuPercent.idle), number(result.cpuPercent.server)]],
    ),
    render(
      `Memory per run, ${number(result.inFlight)} in flight, above idle, KiB`,
      ["", "heap", "resident"],
      (["worker", "server"] as const).map((who) => [
        who,
        number(result.kilobytesPerRun[who].heap),
        number(result.kilobytesPerRun[who].rss),
      ]),
    ),
  ].join("\n")
