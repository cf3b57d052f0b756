/**
 * What kind of principal a token is of.
 */
import { Access } from "@runlease/core/Access"
import { Effect, Option, type Redacted } from "effect"

export const tagOf = (token: Redacted.Redacted) =>
  Effect.gen(function* () {
    const access = yield* Access
    const principal = yield* access.authenticate(token)
    return Option.match(principal, { onNone: () => "Refused", onSome: ({ _tag }) => _tag })
  })
