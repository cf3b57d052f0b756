/** The verdict of tokens for browsers. A field has its name on the wire there, and its name in core here. */
import { BrowserToken } from "@runlease/core"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Effect } from "effect"
import { camelCase } from "./ScheduleVerdicts.js"
import type { ErrorOf, Verdict } from "./Verdict.js"

type Tag = "InvalidBrowserToken"

export const tokenVerdicts: { readonly [T in Tag]: Verdict<ErrorOf<T>> } = {
  InvalidBrowserToken: {
    status: 422,
    codes: ["invalid_token", "invalid_request"],
    encode: ({ field, message }) => ({
      error: "invalid_token",
      detail: `${SnakeCase.snakeCase(field)}: ${message}`,
      field: SnakeCase.snakeCase(field),
    }),
    decode: ({ detail, field = "" }) => {
      const message = detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail
      return Effect.succeed(new BrowserToken.InvalidBrowserToken({ field: camelCase(field), message }))
    },
  },
}
