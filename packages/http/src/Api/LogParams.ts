/** Which page of a log a reader gets, as its query says it. */
import type { LogFilter } from "@runlease/core"
import { Schema } from "effect"
import { integerText } from "../Wire.js"

/** Where a page of a log begins, and how long it may be. */
export const params = {
  after_event_id: Schema.optional(integerText(0, Number.MAX_SAFE_INTEGER)),
  limit: Schema.optional(integerText(1, 1000)),
  type: Schema.optional(
    Schema.String.pipe(
      Schema.maxLength(1000),
      Schema.annotations({ description: "Only events of these types, with commas between them" }),
    ),
  ),
  name: Schema.optional(
    Schema.String.pipe(
      Schema.maxLength(1000),
      Schema.annotations({ description: "Only events of this name, as CUSTOM events have one" }),
    ),
  ),
}

interface FilterParams {
  readonly type?: string | undefined
  readonly name?: string | undefined
}

/** The same as the ports take it. */
export const toFilter = ({ name, type }: FilterParams): LogFilter.LogFilter => ({
  types: type?.split(",").filter((one) => one !== ""),
  name,
})
