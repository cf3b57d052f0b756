/** The agent: what its worker and its submitters share. */
import { Agent } from "@runlease/core"
import { SqlControlPlane } from "@runlease/sql"
import { Schema } from "effect"

export const Refund = Agent.make({
  name: "refund",
  payload: { order: Schema.NonEmptyString, euros: Schema.Int.pipe(Schema.positive()), reason: Schema.String },
  success: Schema.String,
})

export const store = SqlControlPlane.layerSqlite({ filename: "runs.sqlite" })
