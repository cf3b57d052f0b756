import { expect, it } from "@effect/vitest"
import * as TestDatabase from "@runlease/test-postgres/TestDatabase"
import { Console, Effect } from "effect"
import * as Searches from "../../testkit/test/Searches.js"
import * as Ends from "./webhooks/Ends.js"

const all = Searches.current.extent === "all"

/** All of it ends up to 50 runs a second: a server is then killed each 20 seconds. */
const extent = all
  ? { ends: 10_000, killEvery: 1000, workers: 4, pause: 70 }
  : { ends: 500, killEvery: 150, workers: 4, pause: 0 }

/** In milliseconds, for what hangs. */
const timeout = 1_200_000

const check = (name: string, options: { readonly at?: string; readonly servers: number }) =>
  Effect.gen(function* () {
    const report = yield* Ends.play({ ...extent, ...options, seed: Searches.seedOf("webhooks") })
    yield* Console.log(`${name}: ${Ends.show(report)}`)
    expect(report).toMatchObject({
      ended: extent.ends,
      without: 0,
      beyond: 0,
      changed: 0,
      unsigned: 0,
      dead: 0,
      unexpected: [],
    })
    expect(report.kills).toBeGreaterThan(1)
    expect(report.refused).toBeGreaterThan(0)
    expect(report.requests).toBeGreaterThan(extent.ends)
  })

const stores = {
  SQLite: Effect.succeed({ servers: 1 }),
  PostgreSQL: Effect.map(TestDatabase.make(), (at) => ({ at, servers: 2 })),
}

for (const name of Searches.oneOf(["SQLite", "PostgreSQL"] as const)) {
  it.scopedLive(
    `each end is delivered under one id while servers are killed (${name})`,
    () => Effect.flatMap(stores[name], (options) => check(name, options)),
    timeout,
  )
}
