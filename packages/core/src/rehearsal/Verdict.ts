/** What a rehearsal says of a run. */
import { Schema } from "effect"

/**
 * `goes_on`: the code uses all records, and then begins `at`, which is new; it ends where that is absent. `waits`: it waits for what the run
 * has waited for before. `skips`: it has not used the record `at` when it begins something new, waits or ends. `unreadable`: the record or
 * the answer `at`, or `input`, does not fit its schema. `fails`: it fails. `undecided`: it calls the outside before anything else, or takes too
 * long.
 *
 * `message`: a sentence for people. `calls`: what it called outside of steps, each as `GET https://example.com/orders`; none was made.
 */
export const Verdict = Schema.Struct({
  kind: Schema.Literal("goes_on", "waits", "skips", "unreadable", "fails", "undecided"),
  at: Schema.optional(Schema.String),
  message: Schema.optional(Schema.String),
  calls: Schema.Array(Schema.String),
})
export type Verdict = typeof Verdict.Type

/** Whether the code should not be deployed while such a run is open. */
export const isWorseThanSkips = ({ kind }: Pick<Verdict, "kind">): boolean =>
  kind === "unreadable" || kind === "fails" || kind === "undecided"
