/** Prints what each check of the model finds: `npx pnpm@10 model`. Ends with 1 where a check finds something else than it should. */
import { type Check, faults, type Found, goals, isThere, protocols, search } from "./Model.js"

const row = (cells: ReadonlyArray<string | number>): void => {
  const [name = "", ...rest] = cells
  console.log([String(name).padEnd(26), ...rest.map((cell) => String(cell).padStart(12))].join(" "))
}

const check = async (title: string, checks: ReadonlyArray<Check>, expected: (check: Check) => string) => {
  console.log(`\n${title}`)
  row(["", "states", "depth", "seconds", "megabytes", "finds"])
  for (const each of checks) {
    const found: Found = await search(each)
    const verdict = found.broken ?? (found.complete ? "nothing" : "not all")
    if (verdict !== expected(each)) process.exitCode = 1
    row([each.name, found.states, found.depth, found.seconds.toFixed(1), found.megabytes.toFixed(0), verdict])
  }
}

if (isThere) {
  await check("The protocol", protocols, () => "nothing")
  await check("Deliberate faults", faults, ({ name }) => faults.find((fault) => fault.name === name)!.breaks)
  await check("States within reach", goals, () => "out_of_reach")
} else {
  console.log("The model needs spin and gcc: apt-get install spin gcc")
  process.exitCode = 1
}
