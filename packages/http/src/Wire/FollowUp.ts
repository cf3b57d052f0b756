/**
 * A later input of a run's client on the wire, and what it has made of the run. (ours)
 *
 * @since 0.1.0
 */
import { type FollowUp as Core, Ids, RequestSnapshot, Run } from "@runlease/core"
import { Schema } from "effect"
import { as, nullish } from "../Wire.js"
import { CanonicalRun, fromRun } from "./CanonicalRun.js"
import { Answer } from "./Interrupt.js"

/** Answers may be absent. */
export const FollowUp = as<Core.FollowUp>()(
  Schema.Struct({
    public_id: Ids.NewRunId,
    resume: nullish(Schema.Array(Answer)),
    results: nullish(Schema.Array(Answer)),
    request_snapshot: RequestSnapshot.RequestSnapshot,
  }),
  {
    decode: ({ public_id, request_snapshot, results, resume }) => ({
      publicId: public_id,
      resume: resume ?? [],
      results: results ?? [],
      snapshot: request_snapshot,
    }),
    encode: ({ publicId, results, resume, snapshot }) => ({
      public_id: publicId,
      resume,
      results,
      request_snapshot: snapshot,
    }),
  },
).annotations({ identifier: "FollowUp" })

/** An input that a run has taken: its name, and the event after which the run went on. */
export const TakenInput = as<Pick<Core.TakenInput, "publicId" | "since">>()(
  Schema.Struct({ public_id: Ids.RunId, since_event_id: Run.EventId }),
  {
    decode: ({ public_id, since_event_id }) => ({ publicId: public_id, since: since_event_id }),
    encode: ({ publicId, since }) => ({ public_id: publicId, since_event_id: since }),
  },
)

const reply = <Outcome extends string, Fields extends Schema.Struct.Fields>(
  outcome: Outcome,
  fields: Fields,
) => Schema.Struct({ outcome: Schema.Literal(outcome), ...fields, run: CanonicalRun })

/** The run goes on after event `since_event_id`, or was told so before, or waits, or is left alone. */
export const FollowedUp = Schema.Union(
  reply("continued", { since_event_id: Run.EventId, duplicate: Schema.Boolean }),
  reply("answered", {}),
  reply("uncovered", { open_interrupt_ids: Schema.Array(Schema.String) }),
  reply("left", {}),
)

/** What the port gave, as the reply tells it. */
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

/** What the port gives, from the reply and its run as core's. */
export const fromReply = (told: typeof FollowedUp.Type, run: Run.Run): Core.FollowedUp => {
  switch (told.outcome) {
    case "continued":
      return { _tag: "Continued", run, since: told.since_event_id, duplicate: told.duplicate }
    case "answered":
      return { _tag: "Answered", run }
    case "uncovered":
      return { _tag: "Uncovered", run, open: told.open_interrupt_ids }
    case "left":
      return { _tag: "Left", run }
  }
}
