/** Makes the tokens of runs from the tokens of the workers that register here. */
import { type Run, RunToken } from "@runlease/core"
import { RunTokens } from "@runlease/core/executor"
import { Effect, Layer } from "effect"
import { Credentials, missing } from "./Transport.js"

/** Returns the token of a run that a worker holds. */
export const make = Effect.gen(function* () {
  const credentials = yield* Credentials
  return Effect.fnUntraced(function* ({ epoch, runId, workerId }: Run.LeaseRef) {
    const { token } = credentials.of(workerId)
    if (epoch === null || token === undefined) {
      return yield* missing("RunTokens.make", "take the token of a run")
    }
    return yield* RunToken.sign(token, { epoch, runId, workerId })
  })
})

/** The address without the user, the password and the query that may be in it, which are not for programs. */
const addressOf = (url: string): string => {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`.replace(/\/+$/, "")
}

/** `url` is the address of the server. */
export const layer = (url: string): Layer.Layer<RunTokens.RunTokens, never, Credentials> =>
  Layer.effect(
    RunTokens.RunTokens,
    Effect.map(make, (tokenOf) => ({
      make: (lease) =>
        Effect.map(tokenOf(lease), (token) => ({
          url: addressOf(url),
          token,
          workerId: lease.workerId,
        })),
    })),
  )
