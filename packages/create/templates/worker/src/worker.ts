import { NodeRuntime } from "@effect/platform-node"
import { Worker } from "@runlease/core"
import { Effect } from "effect"
import agents from "./agents.js"
import { store } from "./refund.js"

Worker.run().pipe(Effect.provide([agents, store]), NodeRuntime.runMain)
