import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { FastCheck } from "effect"
import { LayeredMap } from "../src/worker/LayeredMap.js"

const entries = FastCheck.array(FastCheck.tuple(FastCheck.constantFrom("a", "b", "c", "d"), FastCheck.nat(9)))

describe("LayeredMap", () => {
  it("is what a copy with the same entries is, whenever it is read", () => {
    FastCheck.assert(
      FastCheck.property(entries, entries, (below, above) => {
        const base = new Map<string, number | undefined>(below)
        const copy = new Map(base)
        const layered = new LayeredMap(base)
        for (const [key, value] of [...above, ["c", undefined] as const]) {
          copy.set(key, value)
          layered.set(key, value)
          deepStrictEqual(new Map(layered), copy)
          deepStrictEqual([...layered.keys()].sort(), [...copy.keys()].sort())
          deepStrictEqual(new Map(layered.entries()), copy)
          deepStrictEqual([...layered.values()].sort(), [...copy.values()].sort())
          strictEqual(layered.size, copy.size)
          const seen = new Map<string, number | undefined>()
          layered.forEach((found, name) => seen.set(name, found))
          deepStrictEqual(seen, copy)
          for (const name of ["a", "b", "c", "d"]) {
            strictEqual(layered.get(name), copy.get(name))
            strictEqual(layered.has(name), copy.has(name))
          }
        }
        deepStrictEqual(base, new Map(below))
      }),
    )
  })
})
