/**
 * The verdicts of limits.
 *
 * @since 0.1.0
 */
import { Limits } from "@runlease/core"
import { Effect } from "effect"
import type { ErrorOf, Verdict } from "./Verdict.js"

export const limitVerdicts: { readonly LimitNotFound: Verdict<ErrorOf<"LimitNotFound">> } = {
  LimitNotFound: {
    status: 404,
    codes: ["limit_not_found"],
    encode: ({ message }) => ({ error: "limit_not_found", detail: message, field: "limit_name" }),
    decode: (_, { limitName = "" }) => Effect.succeed(new Limits.LimitNotFound({ name: limitName })),
  },
}
