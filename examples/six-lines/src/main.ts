import { NodeRuntime } from "@effect/platform-node"
import { Executor, RequestSnapshot, Worker } from "@runlease/core"
import { SqlControlPlane } from "@runlease/sql"
import { Effect } from "effect"
import { submitAndShow } from "./submit.js"

const agent = Executor.layerFrom((run) =>
  Effect.succeed(`You said: ${RequestSnapshot.lastUserText(run.snapshot)}`),
)
const store = SqlControlPlane.layerSqlite({ filename: "runs.sqlite" })

Worker.run().pipe(Effect.race(submitAndShow), Effect.provide([agent, store]), NodeRuntime.runMain)
