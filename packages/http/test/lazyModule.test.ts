import { effect, expect } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as LazyModule from "../src/server/LazyModule.js"

effect("a module that could not be loaded is loaded by the next request, and then no more", () =>
  Effect.gen(function* () {
    let loads = 0
    const module = LazyModule.of(async () => {
      loads += 1
      if (loads === 1) throw new Error("the file is gone")
      return { loads }
    })
    const failed = yield* Effect.exit(module)
    expect(Exit.isFailure(failed) && failed.cause._tag).toBe("Die")
    expect(yield* module).toEqual({ loads: 2 })
    expect(yield* module).toBe(yield* module)
    expect(loads).toBe(2)
  }),
)
