/** A later input of a run's client, and its effect on the run, on the wire. (ours) */
import { type FollowUp as Core, Ids, Run } from "@runlease/core"
import { Schema } from "effect"
import { atMost, from, renamed } from "../Wire.js"
import { CanonicalRun, fromRun } from "./Run.js"
import { Answer } from "./Interrupt.js"
import { maxMessages, NewSnapshot } from "./Submission.js"

const answers = Schema.optionalWith(Schema.Array(Answer).pipe(atMost(maxMessages)), {
  nullable: true,
  default: () => [],
})

/** Answers may be absent. */
export const FollowUp = renamed({
  publicId: Ids.NewRunId,
  resume: answers,
  results: answers,
  snapshot: from("request_snapshot")(NewSnapshot),
}).annotations({ identifier: "FollowUp" })

/** An input that a run has accepted: its name, and the event after which the run continued. */
export const TakenInput = renamed({
  publicId: Ids.RunId,
  since: from("since_event_id")(Run.EventId),
})

const reply = <Outcome extends string, Fields extends Schema.Struct.Fields>(
  outcome: Outcome,
  fields: Fields,
) => Schema.Struct({ outcome: Schema.Literal(outcome), ...fields, run: CanonicalRun })

/** The run continues after event `since_event_id`, has these answers already, still waits, or is unchanged. */
export const FollowedUp = Schema.Union(
  reply("continued", { since_event_id: Run.EventId, duplicate: Schema.Boolean }),
  reply("answered", {}),
  reply("uncovered", { open_interrupt_ids: Schema.Array(Schema.String) }),
  reply("left", {}),
)

/** The reply of an endpoint for the result of the port. */
export const toReply = (result: Core.FollowedUp): typeof FollowedUp.Type => {
  const run = fromRun(result.run)
  switch (result._tag) {
    case "Continued":
      return { outcome: "continued", since_event_id: result.since, duplicate: result.duplicate, run }
    case "Answered":
      return { outcome: "answered", run }
    case "Uncovered":
      return { outcome: "uncovered", open_interrupt_ids: result.open, run }
    case "Left":
      return { outcome: "left", run }
  }
}

/** The result of the port, from the reply and its run. */
export const fromReply = (reply: typeof FollowedUp.Type, run: Run.Run): Core.FollowedUp => {
  switch (reply.outcome) {
    case "continued":
      return { _tag: "Continued", run, since: reply.since_event_id, duplicate: reply.duplicate }
    case "answered":
      return { _tag: "Answered", run }
    case "uncovered":
      return { _tag: "Uncovered", run, open: reply.open_interrupt_ids }
    case "left":
      return { _tag: "Left", run }
  }
}
