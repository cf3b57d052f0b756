import { NodeRuntime } from "@effect/platform-node"
import { Worker } from "@runlease/core"
import { Effect } from "effect"
import agent from "./agent.js"
import { store } from "./store.js"

Worker.run({ agentIds: ["coder"] }).pipe(Effect.provide([agent, store]), NodeRuntime.runMain)
