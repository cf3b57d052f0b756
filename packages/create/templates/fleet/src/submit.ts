import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { connection } from "./connection.js"
import { Task } from "./task.js"

const submit = Effect.gen(function* () {
  const numbers = Array.from({ length: 12 }, (_, index) => index + 1)
  const values = yield* Effect.forEach(numbers, (number) => Task.execute({ number }), {
    concurrency: "unbounded",
  })
  for (const worker of new Set(values.map((value) => value.worker))) {
    yield* Console.log(`${worker} did ${values.filter((value) => value.worker === worker).length}`)
  }
  yield* Console.log(`${values.length} runs have ended`)
})

submit.pipe(Effect.provide(connection), NodeRuntime.runMain)
