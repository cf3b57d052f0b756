/** The agent: what its workers and its submitters share. */
import { Agent } from "@runlease/core"
import { Schema } from "effect"

export const Task = Agent.make({
  name: "task",
  payload: { number: Schema.Int },
  success: Schema.Struct({ worker: Schema.String, answer: Schema.String }),
})
