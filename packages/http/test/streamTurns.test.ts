import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Ids } from "@runlease/core"
import { Effect } from "effect"
import * as StreamTurns from "../src/server/StreamTurns.js"
import { until } from "./clients.js"

const busy = Ids.ProjectId.make("00000000-0000-7000-8000-000000000001")
const other = Ids.ProjectId.make("00000000-0000-7000-8000-000000000002")

it.effect("the turns of large writes go to the projects one after the other, each in its own order", () =>
  Effect.gen(function* () {
    const { take } = yield* StreamTurns.StreamTurns
    const written: Array<string> = []
    for (const name of ["a1", "a2", "a3", "a4"]) take(busy, () => written.push(name))
    take(other, () => {
      written.push("b1")
      take(other, () => written.push("b2"))
    })
    yield* until(() => written.length === 6)
    deepStrictEqual(written, ["a1", "b1", "a2", "b2", "a3", "a4"])
  }).pipe(Effect.provide(StreamTurns.layer)),
)
