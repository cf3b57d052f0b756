/** The verdicts of schedules. A field has its name on the wire there, and its name in core here. */
import { Schedules } from "@runlease/core"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Effect } from "effect"
import type { ErrorOf, Verdict } from "./Verdict.js"

/** A name on the wire as core has it: `starts_at` is `startsAt`. */
export const camelCase = (name: string): string =>
  name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

type Tag = "InvalidSchedule" | "RevisionMismatch" | "ScheduleNotFound" | "ScheduleOfSource"

export const scheduleVerdicts: { readonly [T in Tag]: Verdict<ErrorOf<T>> } = {
  ScheduleNotFound: {
    status: 404,
    codes: ["schedule_not_found"],
    encode: ({ message }) => ({ error: "schedule_not_found", detail: message, field: "schedule_id" }),
    decode: (_, { scheduleId = "" }) => Effect.succeed(new Schedules.ScheduleNotFound({ scheduleId })),
  },
  InvalidSchedule: {
    status: 422,
    codes: ["invalid_schedule", "invalid_request"],
    encode: ({ field, message }) => ({
      error: "invalid_schedule",
      detail: `${SnakeCase.snakeCase(field)}: ${message}`,
      field: SnakeCase.snakeCase(field),
    }),
    decode: ({ detail, field = "" }) => {
      const message = detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail
      return Effect.succeed(new Schedules.InvalidSchedule({ field: camelCase(field), message }))
    },
  },
  RevisionMismatch: {
    status: 412,
    codes: ["revision_mismatch"],
    encode: ({ message, revision }) => ({ error: "revision_mismatch", detail: message, revision }),
    decode: ({ revision }, { scheduleId = "" }) =>
      revision === undefined
        ? undefined
        : Effect.succeed(new Schedules.RevisionMismatch({ scheduleId, revision })),
  },
  ScheduleOfSource: {
    status: 409,
    codes: ["schedule_of_source"],
    encode: ({ message, source }) => ({ error: "schedule_of_source", detail: message, source }),
    decode: ({ source = "" }, { scheduleId = "" }) =>
      Effect.succeed(new Schedules.ScheduleOfSource({ scheduleId, source })),
  },
}
