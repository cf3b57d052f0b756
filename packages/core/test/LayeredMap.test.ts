import { describe, expect, it } from "@effect/vitest"
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
          expect(new Map(layered)).toEqual(copy)
          expect([...layered.keys()].sort()).toEqual([...copy.keys()].sort())
          expect(new Map(layered.entries())).toEqual(copy)
          expect([...layered.values()].sort()).toEqual([...copy.values()].sort())
          expect(layered.size).toEqual(copy.size)
          const seen = new Map<string, number | undefined>()
          layered.forEach((found, name) => seen.set(name, found))
          expect(seen).toEqual(copy)
          for (const name of ["a", "b", "c", "d"]) {
            expect(layered.get(name)).toEqual(copy.get(name))
            expect(layered.has(name)).toEqual(copy.has(name))
          }
        }
        expect(base).toEqual(new Map(below))
      }),
    )
  })
})
