import { describe, expect, it } from "@effect/vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/writing-a-store.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [[name, text]])),
)

/** What an author of a store writes, as declarations. */
const mine = `
import type { StoreControlPlane, Wakeups } from "@runlease/store"
import { Effect } from "effect"

export declare const make: (wakeups: Wakeups.Wakeups) => Effect.Effect<StoreControlPlane.Parts<never>>
`

describe("the code of the page about stores", () => {
  it("compiles, with the parts that an author writes", async () => {
    expect(Object.keys(files)).toEqual(["store.ts", "store.test.ts", "vitest.config.ts"])
    const folder = await Code.write("stores", { ...files, "mine.ts": mine })
    expect(await Code.problemsOf(Object.keys(files).map((name) => folder + name))).toBe("")
  })

  it("names modules that are there", async () => {
    const store = await import("@runlease/store")
    const core = await import("@runlease/core")
    const [, parts] = page.split("## The parts that are there")
    const names = Array.from(parts!.split("## Rules")[0]!.matchAll(/^\| (.+?) +\|/gm), ([, cell]) =>
      Array.from(cell!.matchAll(/`(\w+)(?:\.\w+)?`/g), ([, name]) => name!),
    ).flat()
    expect(names.length).toBeGreaterThan(10)
    expect(names.filter((name) => !(name in store) && !(name in core))).toEqual([])
  })
})
