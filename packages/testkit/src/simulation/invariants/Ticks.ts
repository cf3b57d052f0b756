/** Each tick of a schedule begins one run, or is counted as one that the rules of its schedule skip. */
import { Array } from "effect"
import type { FinalSchedule, History } from "../History.js"
import { instant, type Invariant } from "./Violation.js"

/** The ticks of a schedule, by its definition. */
const ticksOf = ({ createdAt, every, first, last }: FinalSchedule): ReadonlyArray<number> => {
  const begin = createdAt < first ? first : first + (Math.floor((createdAt - first) / every) + 1) * every
  return begin > last
    ? []
    : Array.makeBy(Math.floor((last - begin) / every) + 1, (nth) => begin + nth * every)
}

/** The ticks that have a run, with the runs. */
const begunOf = ({ final }: History, { id }: FinalSchedule) =>
  final.flatMap(({ run }) => {
    const prefix = `schedule:${id}:`
    return run.startsWith(prefix) ? [{ run, tick: Date.parse(run.slice(prefix.length)) }] : []
  })

const ofOne = (history: History, schedule: FinalSchedule): ReadonlyArray<string> => {
  const { isComplete, key, missed, policy, skipped } = schedule
  const ticks = ticksOf(schedule)
  const begun = begunOf(history, schedule)
  const sum = begun.length + skipped.missed + skipped.overlap
  return [
    ...begun.flatMap(({ run, tick }) =>
      ticks.includes(tick) ? [] : [`run ${run} is of no tick of schedule ${key}`],
    ),
    ...(isComplete && sum !== ticks.length
      ? [
          `schedule ${key} has ${ticks.length} ticks: ${begun.length} began a run, ${skipped.missed} are counted as missed, and ${skipped.overlap} as overlapping`,
        ]
      : []),
    ...(missed === "all" && skipped.missed > 0
      ? [`schedule ${key} skipped ${skipped.missed} missed ticks, all of which it is to run`]
      : []),
    ...(policy === "Allow" && skipped.overlap > 0
      ? [`schedule ${key} skipped ${skipped.overlap} ticks, and its runs may overlap`]
      : []),
  ]
}

/** The ticks of a declaration that have a run more than once. */
const twice = (history: History, schedules: ReadonlyArray<FinalSchedule>): ReadonlyArray<string> => {
  const begun = schedules.flatMap((schedule) => begunOf(history, schedule))
  const byTick = Object.entries(Array.groupBy(begun, ({ tick }) => String(tick)))
  return byTick.flatMap(([tick, [{ run }, ...others]]) =>
    others.map(
      (other) =>
        `the tick of ${schedules[0]!.key} at ${instant(Number(tick))} has the runs ${run} and ${other.run}`,
    ),
  )
}

export const ticksOnce: Invariant = {
  name: "ticks-once",
  holds: "each tick of a schedule begins one run, or is counted as skipped by the schedule's rules",
  broken: (history) => {
    const { schedules = [] } = history
    return [
      ...schedules.flatMap((schedule) => ofOne(history, schedule)),
      ...Object.values(Array.groupBy(schedules, ({ key }) => key)).flatMap((same) => twice(history, same)),
    ]
  },
}
