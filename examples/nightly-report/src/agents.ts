/** The agent of this example: what its worker and its schedules share. */
import { Agent } from "@runlease/core"
import { Schema } from "effect"

export const Report = Agent.make({
  name: "report",
  payload: { topic: Schema.NonEmptyString },
  success: Schema.Struct({ title: Schema.String }),
})
