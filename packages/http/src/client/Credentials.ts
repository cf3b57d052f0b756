/**
 * The tokens of workers. A worker gets its token when it registers, and others later.
 *
 * @since 0.1.0
 */
import type { Ids, Run } from "@runlease/core"
import { Context, Effect, Redacted } from "effect"
import { epochHeader, workerHeader } from "../Api/Fence.js"
import { Extensions } from "./Extensions.js"

/** The token and headers that name the worker of a request. */
export interface Credential {
  /** The worker's own token; the API key is used when it is absent. */
  readonly token: Redacted.Redacted | undefined
  readonly headers: Readonly<Record<string, string>>
}

export class Credentials extends Context.Tag("@runlease/http/client/Credentials")<
  Credentials,
  {
    readonly keep: (workerId: Ids.WorkerId, token: string) => Effect.Effect<void>
    readonly of: (workerId: Ids.WorkerId) => Effect.Effect<Credential>

    /** Calls `listener` with the worker's token, if it has one, and with each later one, until the returned function is called. */
    readonly follow: (
      workerId: Ids.WorkerId,
      listener: (token: Redacted.Redacted) => void,
    ) => Effect.Effect<() => void>

    /** For a request that needs a lease. Without the worker's token, the headers name the worker and the lease. */
    readonly fenced: (fence: Run.Fence | undefined) => Effect.Effect<Credential>
  }
>() {}

export const make: Effect.Effect<Context.Tag.Service<Credentials>, never, Extensions> = Effect.map(
  Extensions,
  (extensions) => {
    const tokens = new Map<Ids.WorkerId, Redacted.Redacted>()
    const followers = new Set<(workerId: Ids.WorkerId) => void>()

    return {
      keep: (workerId, token) =>
        Effect.sync(() => {
          tokens.set(workerId, Redacted.make(token))
          for (const follower of followers) follower(workerId)
        }),
      follow: (workerId, listener) =>
        Effect.sync(() => {
          const follower = (changed: Ids.WorkerId) => {
            const token = tokens.get(workerId)
            if (changed === workerId && token !== undefined) listener(token)
          }
          followers.add(follower)
          follower(workerId)
          return () => void followers.delete(follower)
        }),
      of: (workerId) => Effect.sync(() => ({ token: tokens.get(workerId), headers: {} })),
      fenced: (fence) =>
        Effect.sync(() => {
          if (fence === undefined) return { token: undefined, headers: {} }
          const token = tokens.get(fence.workerId)
          if (!extensions) return { token, headers: {} }
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
