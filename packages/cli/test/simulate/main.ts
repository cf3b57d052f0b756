/**
 * `pnpm simulate --seeds N`: plays simulations of the control plane and its workers, one for each seed, until one breaks an invariant.
 *
 * Ends with code 1 when a seed breaks something, or when a deliberate fault is not found, and with 2 for a wrong option.
 */
import { SqlControlPlane } from "@runlease/sql"
import { MemoryControlPlane } from "@runlease/store"
import * as AlternatingPorts from "../../../sql/test/AlternatingPorts.js"
import * as DeliberateFaults from "../../../testkit/src/DeliberateFaults.js"
import * as Simulation from "../../../testkit/src/Simulation.js"
import { Clock, Console, Effect } from "effect"
import * as ScriptOptions from "../ScriptOptions.js"

const stores = {
  memory: { store: MemoryControlPlane.layer, turnsOfLoop: false },
  sqlite: { store: SqlControlPlane.layerSqlite({ filename: ":memory:" }), turnsOfLoop: true },
  shared: { store: AlternatingPorts.layerSqlite, turnsOfLoop: true },
}
const faults: Readonly<Record<string, DeliberateFaults.DeliberateFault>> = DeliberateFaults.all

const usage = `Usage: pnpm simulate [options]

  --seeds N       how many seeds are played; 1000 when absent
  --from SEED     the first of them; 1 when absent
  --store NAME    memory (the default), sqlite, or shared: two control planes on one SQLite file
  --fault NAME    makes something wrong on purpose, and looks for it
  --help          prints this

Faults:
${Object.entries(faults)
  .map(([name, { sentence }]) => `  ${name.padEnd(24)}${sentence}`)
  .join("\n")}`

/** How often it tells how far it is, in milliseconds. */
const tellEvery = 5_000

const refuse = (problem: string): never => ScriptOptions.refuse(usage, problem)

const wholeNumber = (option: string, text: string): number =>
  /^[1-9]\d{0,8}$/.test(text) ? Number(text) : refuse(`--${option} takes a whole number from 1, not ${text}`)

const isStore = (text: string): text is keyof typeof stores => Object.hasOwn(stores, text)

const options = ScriptOptions.read(usage, { seeds: "1000", from: "1", store: "memory" }, ["fault"])
const seeds = wholeNumber("seeds", options.seeds)
const from = wholeNumber("from", options.from)
const name = isStore(options.store) ? options.store : refuse(`There is no store ${options.store}`)
const faultName = options.fault
const fault =
  faultName === undefined ? undefined : (faults[faultName] ?? refuse(`There is no fault ${faultName}`))

const again = (seed: number): string =>
  `pnpm simulate --seeds 1 --from ${seed} --store ${name}${faultName === undefined ? "" : ` --fault ${faultName}`}`

const seconds = (millis: number): string => `${Math.ceil(millis / 1000)} s`

const program = Effect.gen(function* () {
  const begunAt = yield* Clock.currentTimeMillis
  let toldAt = begunAt
  const progress = (seed: number) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now - toldAt < tellEvery) return Effect.void
      toldAt = now
      const done = seed - from + 1
      const left = ((now - begunAt) / done) * (seeds - done)
      return Console.error(`${done} of ${seeds} seeds broke nothing; about ${seconds(left)} are left`)
    })
  const report = yield* Simulation.search({ ...stores[name], fault }, { seeds, from, progress })
  const took = seconds((yield* Clock.currentTimeMillis) - begunAt)
  yield* Console.log(`${Simulation.show(name, report, again)}\n`)
  const isBroken = report._tag === "Broken"
  const last = isBroken
    ? `seed ${report.seed} breaks ${report.violations[0]?.invariant}, after ${report.seeds} seeds in ${took}`
    : `${seeds} seeds broke nothing in ${took}`
  yield* Console.log(
    faultName === undefined
      ? `${isBroken ? "BROKEN" : "Kept"}: ${last}`
      : `${isBroken ? "Found" : "NOT FOUND"}: ${faultName}: ${last}`,
  )
  if (isBroken !== (fault !== undefined)) process.exitCode = 1
})

await Effect.runPromise(program)
// A fiber of a world that is over may wait for ever.
ScriptOptions.end()
