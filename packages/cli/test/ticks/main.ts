/**
 * `pnpm ticks`: a thousand schedules of a minute on two servers, of which one is killed each half minute, and a count of their runs.
 *
 * Ends with code 1 when a tick has no run or two, and with 2 for a wrong option.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as Bundle from "../../checkout/bundle.mjs"
import * as ScriptOptions from "../ScriptOptions.js"
import * as Ticks from "./Ticks.js"

const usage = `Usage: pnpm ticks [options]

  --minutes N     how long the schedules tick, 5 when absent
  --schedules N   how many there are, 1 to 1000; 1000 when absent
  --seed N        what the instants of the kills follow from; another one each time when absent
  --help          prints this`

const options = ScriptOptions.read(usage, {
  minutes: "5",
  schedules: "1000",
  seed: String(Date.now() % 1_000_000),
})

const whole = (name: keyof typeof options, most: number): number => {
  const value = /^\d{1,9}$/.test(options[name]) ? Number(options[name]) : Number.NaN
  return value <= most && (value > 0 || name === "seed")
    ? value
    : ScriptOptions.refuse(usage, `--${name} takes a whole number up to ${most}, not ${options[name]}`)
}

const minutes = whole("minutes", 1440)
const schedules = whole("schedules", 1000)
const seed = whole("seed", 999_999_999)

const program = Effect.gen(function* () {
  yield* Console.error(`${schedules} schedules of a minute for ${minutes} min, seed ${seed}`)
  const report = yield* Ticks.play({
    runlease: yield* Effect.promise(() => Bundle.command()),
    schedules,
    every: 60,
    ticks: minutes,
    killEvery: 30_000,
    seed,
    tell: (line) => process.stderr.write(`${line}\n`),
  })
  yield* Console.log(Ticks.show(report))
  for (const problem of Ticks.problems(report)) {
    yield* Console.log(`BROKEN: ${problem}`)
    process.exitCode = 1
  }
})

NodeRuntime.runMain(program)
