/**
 * Spin searches every state of the lease protocol within bounds. It also finds what is wrong with each deliberate fault. A sixth of these
 * searches runs for a commit, chosen by its hash, and all of them by `pnpm test:nightly`.
 */
import { describe, expect, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type Check, faults, type Found, goals, isThere, protocols, read, search } from "../Model.js"
import * as Searches from "../../../packages/testkit/test/Searches.js"

if (!isThere) console.log("No spin or no gcc: the searches of the model are skipped")

const folder = join(import.meta.dirname, "..")
const model = readdirSync(folder)
  .filter((file) => file.endsWith(".pml"))
  .map((file) => readFileSync(join(folder, file), "utf8"))
  .join("\n")

const searched = async (check: Check): Promise<Found> => {
  const found = await search(check)
  console.log(
    `${check.name}: ${found.states} states, depth ${found.depth}, ${found.seconds} s, ${found.megabytes} MB`,
  )
  return found
}

const named = <A extends Check>(checks: ReadonlyArray<A>) =>
  Searches.chosen(checks).map((check) => [check.name, check] as const)

describe.skipIf(!isThere)("the lease protocol", () => {
  it.each(named(protocols))("keeps its properties in all states: %s", async (_name, check) => {
    const { broken, complete, states } = await searched(check)
    expect(broken).toBe(undefined)
    expect(complete).toBe(true)
    expect(states).toBeGreaterThan(check.file === undefined ? 100_000 : 20_000)
  })

  it.each(named(faults))("breaks a property with the fault %s", async (_name, check) => {
    expect((await searched(check)).broken).toBe(check.breaks)
  })

  it.each(named(goals))("reaches %s", async (_name, check) => {
    expect((await searched(check)).broken).toBe("out_of_reach")
  })
})

describe("the model", () => {
  const names = (prefix: string) =>
    Array.from(new Set(model.match(new RegExp(`\\b${prefix}_[A-Z_]*[A-Z]\\b`, "g")))).toSorted()

  it("has no fault and no goal that is not checked", () => {
    expect(names("FAULT")).toEqual(faults.map(({ name }) => `FAULT_${name}`).toSorted())
    expect(names("GOAL")).toEqual(goals.map(({ name }) => `GOAL_${name}`).toSorted())
  })

  it("has a fault for each property", () => {
    const properties = Array.from(model.matchAll(/^(?:hidden byte|ltl) (\w+)/gm), ([, name]) => name!)
    const broken = [...faults.map(({ breaks }) => breaks), "out_of_reach"]
    expect(Array.from(new Set(broken)).toSorted()).toEqual(Array.from(new Set(properties)).toSorted())
  })

  it("is documented with each fault and the property that it breaks", () => {
    const page = readFileSync(join(folder, "README.md"), "utf8")
    const rows = faults.map(({ breaks, name }) => [`\`${name}\``, `\`${breaks}\``])
    const isThere = ([name, breaks]: ReadonlyArray<string>) =>
      page.split("\n").some((line) => line.includes(name!) && line.includes(breaks!))
    expect(rows.filter((row) => !isThere(row))).toEqual([])
  })

  it("is not taken for searched in full where Spin has left something out", () => {
    const report = (last: string) =>
      `State-vector 124 byte, depth reached 99999, errors: 0\n  12 states, stored\n  1.5\ttotal actual memory usage\n${last}\npan: elapsed time 0.1 seconds`
    expect(read(report("")).complete).toBe(true)
    expect(read(report("error: max search depth too small")).complete).toBe(false)
    expect(read(report("Warning: Search not completed")).complete).toBe(false)
    expect(() => read("")).toThrow("Spin did not say")
  })
})
