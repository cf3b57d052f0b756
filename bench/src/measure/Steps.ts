/** Durable steps per second: of many runs at once, with the CPU that each takes, and of one run alone. */
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Before from "../Before.js"
import * as Contenders from "../Contenders.js"
import * as Cpu from "../Cpu.js"
import { Scale } from "../Scale.js"
import * as SideBySide from "../SideBySide.js"

const runs = Contenders.slots
const backends = ["PostgreSQL", "SQLite normal", "SQLite full"] as const

const dbos = "PostgreSQL: DBOS"
const restate = "Restate"

const entries = [
  ...backends.map((backend) => ({
    name: `${backend}: Runlease`,
    started: Contenders.runleaseSteps(backend, false),
    beside: dbos,
  })),
  ...backends.map((backend) => ({
    name: `${backend}: Runlease over the network`,
    started: Contenders.runleaseSteps(backend, true),
    beside: restate,
  })),
  { name: dbos, started: Contenders.dbos(10) },
  { name: `${dbos}, ${runs} connections`, started: Contenders.dbos(runs), beside: dbos },
  { name: restate, started: Contenders.restate },
]

/** A commit without steps reads "absent". */
const before = (checkout: string) => {
  const hasSteps = existsSync(join(checkout, "packages/core/src/executor/Step.ts"))
  return (["PostgreSQL", "SQLite normal"] as const).map((backend) => ({
    name: `${backend}: Runlease before`,
    started: hasSteps ? Contenders.runleaseSteps(backend, false, checkout) : Effect.succeed(null),
    beside: dbos,
  }))
}

const sample =
  (alone: number, ofMany: number) =>
  ({ contender, meters }: Contenders.Started) =>
    Effect.gen(function* () {
      yield* contender.call("fill", runs)
      // The garbage of the preparation is not that of the work.
      yield* contender.call("memory")
      const many = yield* Cpu.during(meters, contender.call("steps", { runs, steps: ofMany }))
      yield* contender.call("fill", 1)
      yield* contender.call("memory")
      const one = yield* contender.call("steps", { runs: 1, steps: alone })
      return {
        rate: many.value.rate,
        ...Cpu.per(runs * ofMany, many.used),
        "one run": one.rate,
        "a step, p50": one.p50,
        "a step, p99": one.p99,
        ...(one.appends !== null && { appends: one.appends }),
      }
    })

export const measure = Effect.gen(function* () {
  const { steps } = yield* Scale
  return yield* SideBySide.measure({
    part: "steps",
    title: `Durable steps per second of ${runs} runs at once, and microseconds of CPU for each; and of one run alone`,
    columns: [
      ...SideBySide.rateColumns("steps", "step"),
      { name: "one run", unit: "steps/s" },
      { name: "a step, p50", unit: "ms" },
      { name: "a step, p99", unit: "ms" },
      { name: "appends", unit: "per step" },
    ],
    entries: [...entries, ...(yield* Before.each(before))],
    sample: sample(steps.alone, steps.ofMany),
  })
}).pipe(Effect.scoped)
