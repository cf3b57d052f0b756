/**
 * Which token speaks for a worker. Tokens come with registration, and stay in here.
 *
 * @since 0.1.0
 */
import type { Ids, Run } from "@runlease/core"
import { Context, Effect, Redacted } from "effect"
import { epochHeader, workerHeader } from "../Api/Fence.js"
import { Additions } from "./Extensions.js"

/** How a request says who it is for. */
export interface Credential {
  /** The worker's own; absent, the API key speaks. */
  readonly token: Redacted.Redacted | undefined
  readonly headers: Readonly<Record<string, string>>
}

export class Credentials extends Context.Tag("@runlease/http/client/Credentials")<
  Credentials,
  {
    readonly keep: (workerId: Ids.WorkerId, token: string) => Effect.Effect<void>
    readonly of: (workerId: Ids.WorkerId) => Effect.Effect<Credential>

    /** For a request that stands on a lease. Without the worker's token, the headers say which lease it is. */
    readonly fenced: (fence: Run.Fence | undefined) => Effect.Effect<Credential>
  }
>() {}

export const make: Effect.Effect<Context.Tag.Service<Credentials>, never, Additions> = Effect.map(
  Additions,
  (additions) => {
    const tokens = new Map<Ids.WorkerId, Redacted.Redacted>()

    return {
      keep: (workerId, token) => Effect.sync(() => tokens.set(workerId, Redacted.make(token))),
      of: (workerId) => Effect.sync(() => ({ token: tokens.get(workerId), headers: {} })),
      fenced: (fence) =>
        Effect.sync(() => {
          if (fence === undefined) return { token: undefined, headers: {} }
          const token = tokens.get(fence.workerId)
          if (!additions) return { token, headers: {} }
          return {
            token,
            headers: {
              ...(fence.epoch === null ? {} : { [epochHeader]: String(fence.epoch) }),
              ...(token === undefined ? { [workerHeader]: fence.workerId } : {}),
            },
          }
        }),
    }
  },
)
