/**
 * Tokens for the programs that an executor starts: with its token, a program reaches the server for its own run.
 *
 * Source: docs/decisions/0080-run-tokens.md
 */
import { Context, Effect, Option, type Redacted } from "effect"
import type * as Ids from "../model/Ids.js"
import type { LeaseRef } from "../model/Run.js"
import type { ControlPlaneUnsupported } from "../ports/ControlPlaneError.js"
import { ExecutorError } from "./ExecutorError.js"
import { StepLog } from "./StepLog.js"

/**
 * What a program needs to reach the server for its run. `url` is the address of the server, and `workerId` is in the address at which a
 * child is spawned.
 */
export interface RunAccess {
  readonly url: string
  readonly workerId: Ids.WorkerId
  readonly token: Redacted.Redacted
}

/**
 * Makes the tokens of runs. The ports over HTTP come with it; over a store in the worker's own process there is none, since no server is
 * there.
 */
export class RunTokens extends Context.Tag("@runlease/core/executor/RunTokens")<
  RunTokens,
  {
    /** The token of a run that a worker holds, which has registered by these ports. */
    readonly make: (lease: LeaseRef) => Effect.Effect<RunAccess, ControlPlaneUnsupported>
  }
>() {}

const unavailable = (message: string) =>
  new ExecutorError({ code: "run_token_unavailable", message, handBack: true })

/**
 * The token of the run that is executed.
 *
 * Fails: `run_token_unavailable`, which hands the run back, where the worker has no server or where its server knows no such tokens.
 */
export const current: Effect.Effect<RunAccess, ExecutorError> = Effect.flatMap(
  Effect.all([Effect.serviceOption(RunTokens), Effect.serviceOption(StepLog)]),
  ([tokens, log]) => {
    const lease = Option.getOrUndefined(log)?.steps().lease
    if (Option.isNone(tokens) || lease === undefined) {
      return unavailable(
        "A program gets a token of its run only where its worker has its runs from a server: connect the worker by Client.layerWith of @runlease/http, or leave runToken out",
      )
    }
    return Effect.mapError(tokens.value.make(lease), ({ message }) => unavailable(message))
  },
)
