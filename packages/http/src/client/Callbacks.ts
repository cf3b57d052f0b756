import type { Callbacks } from "@runlease/core"
import { type Context, Duration, Effect, Redacted } from "effect"
import * as Api from "../Api/Callbacks.js"
import * as Endpoints from "./Endpoints.js"
import type { Transport } from "./Transport.js"

/** Whole seconds, one at least. */
export const secondsOf = (duration: Duration.DurationInput | undefined): number | undefined =>
  duration === undefined ? undefined : Math.max(1, Math.ceil(Duration.toSeconds(duration)))

/** A callback of an answer. */
export const fromIssued = ({
  expires_at: expiresAt,
  token,
  url,
}: typeof Api.IssuedCallback.Type): Callbacks.IssuedCallback => ({
  token: Redacted.make(token),
  expiresAt,
  url,
})

export const make: Effect.Effect<Context.Tag.Service<Callbacks.Callbacks>, never, Transport> = Effect.gen(
  function* () {
    const { call } = yield* Endpoints.of("Callbacks", Api.group)
    return {
      issue: Effect.fnUntraced(function* (runId, { expiresIn, question }) {
        const issued = yield* call(
          "issue",
          {
            path: { run_id: runId },
            body: { interrupt_id: question, expires_in_seconds: secondsOf(expiresIn) },
          },
          ["RunNotFound", "NotWaiting", "CallbackRefused"],
          { runId, interruptId: question },
        )
        return fromIssued(issued)
      }),
    }
  },
)
