import { Statement } from "@effect/sql"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as TestSchedules from "@runlease/testkit/schedules/TestSchedules"
import { Effect, Option } from "effect"
import * as PostgresDatabase from "./PostgresDatabase.js"
import * as TempDatabase from "./TempDatabase.js"

const postgres = PostgresDatabase.layerOfFile()

/** Runs `body`, which builds its database itself. Gives how many schedules each commit has changed. */
const parts = <A, E, R>(body: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const sizes: Array<number> = []
    const count: Statement.Statement.Transformer = (statement) =>
      Effect.sync(() => {
        const [text, parameters] = statement.compile()
        if (text.startsWith("UPDATE schedules SET")) {
          sizes.push(JSON.stringify(parameters).match(/openRuns/g)?.length ?? 0)
        }
        return statement
      })
    return Effect.as(Effect.locally(body, Statement.currentTransformer, Option.some(count)), sizes)
  })

/** Lets so many schedules of one minute tick. */
const tickAll = (count: number, input: string) =>
  Effect.gen(function* () {
    const made = yield* Effect.replicateEffect(TestSchedules.create({ config: { input } }), count)
    yield* Effect.forEach(made, ({ id }) => TestSchedules.passTick(id, 1), { discard: true })
  })

for (const [name, layer] of [
  ["SQLite", TempDatabase.layer],
  ["PostgreSQL", postgres],
] as const) {
  describe(`the ticks of one minute (${name})`, () => {
    it.scoped("are commits of 256 KiB of payloads each", () =>
      Effect.gen(function* () {
        const sizes = yield* parts(Effect.provide(tickAll(10, "x".repeat(60_000)), layer))
        deepStrictEqual(sizes, [4, 4, 2])
      }),
    )

    it.scoped("are commits of 25 runs each", () =>
      Effect.gen(function* () {
        deepStrictEqual(yield* parts(Effect.provide(tickAll(60, "small"), layer)), [25, 25, 10])
      }),
    )
  })
}
