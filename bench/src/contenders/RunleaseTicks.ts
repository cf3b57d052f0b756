/** A store, a worker of 24 slots and schedules of each minute, in one process. */
import { Executor, Schedules, Worker } from "@runlease/core"
import { Context, Effect, Stream } from "effect"
import * as Stores from "../Stores.js"
import { main } from "./Ticks.js"

main(({ database, schedules }, late) =>
  Effect.gen(function* () {
    const ports = yield* Stores.local({ _tag: "Postgres", url: database })
    yield* Context.get(ports, Schedules.Schedules).apply({
      source: "bench",
      schedules: Array.from({ length: schedules }, (_, index) => ({
        key: `s${index}`,
        name: `Schedule ${index}`,
        target: { kind: "agent", id: "tick" },
        schedule: "* * * * *",
        concurrencyPolicy: "Allow",
      })),
    })
    yield* Worker.make({ concurrency: 24 }).pipe(
      Effect.provideService(Executor.Executor, {
        execute: ({ runId }) => {
          late.push(Date.now() - Date.parse(runId.split(":").slice(2).join(":")))
          return Stream.empty
        },
      }),
      Effect.provide(ports),
    )
  }),
)
