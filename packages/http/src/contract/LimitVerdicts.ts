/** The verdicts of limits. */
import { Limits, Runs } from "@runlease/core"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Effect } from "effect"
import * as Refusal from "./Refusal.js"
import { camelCase } from "./ScheduleVerdicts.js"
import type { ErrorOf, Verdict } from "./Verdict.js"

type Tag = "InvalidLimit" | "LimitNotFound" | "TooManyPending"

export const limitVerdicts: { readonly [T in Tag]: Verdict<ErrorOf<T>> } = {
  InvalidLimit: {
    status: 422,
    codes: ["invalid_limit", "invalid_request"],
    encode: ({ field, message }) => ({
      error: "invalid_limit",
      detail: message.replace(field, SnakeCase.snakeCase(field)),
      field: SnakeCase.snakeCase(field),
    }),
    decode: ({ detail, field = "" }) => {
      const name = camelCase(field)
      return Effect.succeed(new Limits.InvalidLimit({ field: name, message: detail.replace(field, name) }))
    },
  },
  TooManyPending: {
    status: 429,
    codes: ["too_many_pending"],
    headersOf: ({ retryAfterSeconds }) => Refusal.retryAfter(retryAfterSeconds * 1000),
    encode: ({ key, maxPending, message, name, retryAfterSeconds }) => ({
      error: "too_many_pending",
      detail: message,
      field: `limits.${name}`,
      limit: { name, key, max_pending: maxPending },
      retry_after_seconds: retryAfterSeconds,
    }),
    // Another refusal of this status is about the caller.
    decode: ({ limit, retry_after_seconds: retryAfterSeconds }) =>
      limit === undefined || retryAfterSeconds === undefined
        ? undefined
        : Effect.succeed(
            new Runs.TooManyPending({
              name: limit.name,
              key: limit.key,
              maxPending: limit.max_pending,
              retryAfterSeconds,
            }),
          ),
  },
  LimitNotFound: {
    status: 404,
    codes: ["limit_not_found"],
    encode: ({ message }) => ({ error: "limit_not_found", detail: message, field: "limit_name" }),
    decode: (_, { limitName = "" }) => Effect.succeed(new Limits.LimitNotFound({ name: limitName })),
  },
}
