/**
 * The port of callbacks of one project: a URL that answers one question of a run, once, for a third party that has no API key.
 *
 * Source: docs/decisions/0144-callbacks.md
 */
import { Context, type DateTime, type Duration, type Effect, type Redacted, Schema } from "effect"
import type * as Ids from "../model/Ids.js"
import type { RunNotFound } from "../model/Run.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { NotWaiting } from "./Runs.js"

/** No callback answers that question: more of a budget is for an API key to give. Nothing was made. */
export class CallbackRefused extends Schema.TaggedError<CallbackRefused>("@runlease/core/CallbackRefused")(
  "CallbackRefused",
  { field: Schema.String, message: Schema.String },
) {}

/**
 * A callback to be made. `question`: the id of an open interrupt of the run, or of the tool call that it is about.
 *
 * Units: `expiresIn` is a Duration from now, by the store's clock: a day when absent, 365 days at most.
 */
export interface NewCallback {
  readonly question: string
  readonly expiresIn?: Duration.DurationInput | undefined
}

/** A callback that was made. It is in the answer and nowhere else. `url` is absent where no server has named its address. */
export interface IssuedCallback {
  readonly token: Redacted.Redacted
  readonly expiresAt: DateTime.Utc
  readonly url?: string | undefined
}

export class Callbacks extends Context.Tag("@runlease/core/Callbacks")<
  Callbacks,
  {
    /**
     * Makes a callback for an open question of a run. Nothing is stored of it.
     *
     * Fails: `NotWaiting` where the question is not open; `CallbackRefused` for a question about a budget.
     */
    readonly issue: (
      runId: Ids.RunId,
      callback: NewCallback,
    ) => Effect.Effect<IssuedCallback, RunNotFound | NotWaiting | CallbackRefused | ControlPlaneError>
  }
>() {}
