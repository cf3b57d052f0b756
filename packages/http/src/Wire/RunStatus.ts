/**
 * A run's status. Core's `waiting` reads `waiting_for_tool` in claims and conversations, and `waiting` on /runs.
 *
 * @since 0.1.0
 */
import type { Run } from "@runlease/core"
import { Schema } from "effect"
import { as } from "../Wire.js"

const states = ["pending", "running", "waiting", "completed", "failed", "cancelled"] as const

/** As /runs says it. */
export const CanonicalStatus = Schema.Literal(...states)

/** As claims and conversations say it. */
export const ConversationStatus = as<Run.RunStatus>()(Schema.Literal("waiting_for_tool", ...states), {
  decode: (wire) => (wire === "waiting_for_tool" ? "waiting" : wire),
  encode: (status) => (status === "waiting" ? "waiting_for_tool" : status),
})
