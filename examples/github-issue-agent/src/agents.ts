/** The agent of this example: what its worker and its source share. */
import { Agent } from "@runlease/core"
import { Schema } from "effect"

/** What GitHub posts about an issue. It has more fields, which the agent does not read. */
const message = Schema.Struct(
  {
    action: Schema.String,
    issue: Schema.Struct(
      { number: Schema.Int, title: Schema.String },
      { key: Schema.String, value: Schema.Unknown },
    ),
  },
  { key: Schema.String, value: Schema.Unknown },
)

export const Fixer = Agent.make({
  name: "fixer",
  payload: message,
  success: Schema.Struct({ issue: Schema.Int, fix: Schema.String, merged: Schema.Boolean }),
})
