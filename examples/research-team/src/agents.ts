import { Agent } from "@runlease/core"
import { Schema } from "effect"

const Finding = Schema.Struct({ found: Schema.String, checked: Schema.String })

/** Finds something out about a topic, and checks it. */
export const Researcher = Agent.make({
  name: "researcher",
  payload: { topic: Schema.String },
  success: Finding,
})

/** Has a researcher for each topic, and sums up. */
export const Lead = Agent.make({
  name: "lead",
  payload: { topics: Schema.Array(Schema.String) },
  success: Schema.Struct({ findings: Schema.Array(Finding), summary: Schema.String }),
})
