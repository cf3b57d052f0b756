/** What a run is suspended for, on the wire. */
import { Ids, Leases } from "@runlease/core"
import * as ChildEvent from "@runlease/core/ChildEvent"
import { Duration, Schema } from "effect"
import { atMost, nullish } from "../Wire.js"
import * as Interrupt from "../Wire/Interrupt.js"

/** Seconds. The longest time limit of a wait; a wait without a time limit has no end. */
export const maxExpirySeconds = 31_536_000

const maxPauseSeconds = Duration.toSeconds(Leases.maxPause)

const Group = Schema.Array(Schema.NonNegativeInt).pipe(atMost(ChildEvent.maxChildren))

const suspension = {
  interrupts: nullish(Interrupt.Interrupts),
  tool_call_id: nullish(Ids.text(256)),
  tool_name: nullish(Schema.NonEmptyString),
  expires_in_seconds: nullish(Schema.Number.pipe(Schema.between(1, maxExpirySeconds))).annotations({
    description: "1 to 31536000, never when absent; the time of those interrupts that have no `expires_at`",
  }),
  wake_in_seconds: nullish(Schema.Number.pipe(Schema.between(0, maxPauseSeconds))).annotations({
    description: "0 to 315360000; the run continues by itself then, also without answers",
  }),
  children: nullish(Schema.Array(Group).pipe(atMost(ChildEvent.maxAwaited))).annotations({
    description:
      "Groups of children, by their indexes, which are those of children that the run has; the run continues by itself when all of one group have ended, also without answers",
  }),
  budget: nullish(Schema.Literal(true)).annotations({
    description:
      "The run continues by itself when the budget of its tree is raised; where the budget is spent, the root requests that",
  }),
  taken_messages: nullish(Schema.NonNegativeInt).annotations({
    description:
      "How many messages the run has read; it continues by itself with the next one, also without answers",
  }),
}

interface Awaited {
  readonly interrupts?: unknown
  readonly tool_call_id?: unknown
  readonly tool_name?: unknown
  readonly expires_in_seconds?: unknown
  readonly wake_in_seconds?: unknown
  readonly children?: unknown
  readonly taken_messages?: unknown
  readonly budget?: unknown
}

/** One of the forms of answers, whole, or something else that the run waits for; or both. */
const oneForm = (awaited: Awaited): Schema.FilterOutput | undefined => {
  const { expires_in_seconds, interrupts, tool_call_id, tool_name } = awaited
  const { budget, children, taken_messages, wake_in_seconds } = awaited
  const isPause = [budget, children, taken_messages, wake_in_seconds].some((field) => field != null)
  if (isPause && [expires_in_seconds, interrupts, tool_call_id, tool_name].every((field) => field == null)) {
    return undefined
  }
  if (interrupts != null) {
    return tool_call_id == null && tool_name == null
      ? undefined
      : { path: ["interrupts"], message: "must not come with a tool call" }
  }
  if (tool_call_id == null) return { path: ["tool_call_id"], message: "is missing" }
  return tool_name == null ? { path: ["tool_name"], message: "is missing" } : undefined
}

/** A suspension with other fields: interrupts or the result of a tool call, and a time, children, messages and the budget. */
export const suspensionWith = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct({ ...fields, ...suspension }).pipe(Schema.filter(oneForm))

export const Suspension = suspensionWith({})
