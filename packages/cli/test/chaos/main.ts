/**
 * `pnpm chaos --minutes N`: real servers, workers, programs and clients, of which many things go wrong, and a check of what came of it.
 *
 * Ends with code 1 when something is broken, and with 2 for a wrong option.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as Bundle from "../../checkout/bundle.mjs"
import * as ScriptOptions from "../ScriptOptions.js"
import * as Chaos from "./Chaos.js"
import * as Faults from "./Faults.js"
import * as Report from "./Report.js"
import * as Store from "./Store.js"

const usage = `Usage: pnpm chaos [options]

  --minutes N     how long things go wrong, such as 0.5; 1 when absent
  --store NAME    sqlite (the default) or postgres
  --seed N        what the schedule and the workload follow from; another one each time when absent
  --help          prints this`

const refuse = (problem: string): never => ScriptOptions.refuse(usage, problem)

const isStore = (text: string): text is Store.Name => Object.hasOwn(Store.stores, text)

const options = ScriptOptions.read(usage, {
  minutes: "1",
  store: "sqlite",
  seed: String(Date.now() % 1_000_000),
})
const minutes = /^\d{1,4}(\.\d{1,3})?$/.test(options.minutes) ? Number(options.minutes) : 0
if (minutes === 0) refuse(`--minutes takes a number above 0, not ${options.minutes}`)
const seed = /^\d{1,9}$/.test(options.seed)
  ? Number(options.seed)
  : refuse(`--seed takes a whole number, not ${options.seed}`)
const store = isStore(options.store) ? options.store : refuse(`There is no store ${options.store}`)

const program = Effect.gen(function* () {
  yield* Console.error(`Chaos on ${store} for ${minutes} min, seed ${seed}`)
  const runlease = yield* Effect.promise(() => Bundle.command())
  const report = yield* Chaos.play({
    runlease,
    store,
    seed,
    millis: minutes * 60_000,
    gap: Faults.wideGap,
    tell: (line) => process.stderr.write(`${line}\n`),
  })
  yield* Console.log(`${Report.show(report)}\n`)
  const isBroken = report.broken.length > 0
  yield* Console.log(
    `${isBroken ? "BROKEN" : "Kept"}: ${minutes} min of chaos on ${store}, seed ${seed}, ${report.broken.length} violations`,
  )
  if (isBroken) process.exitCode = 1
})

NodeRuntime.runMain(Effect.scoped(program))
