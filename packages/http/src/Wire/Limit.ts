/**
 * A limit of concurrency, on the wire. (ours)
 *
 * @since 0.1.0
 */
import { Limits } from "@runlease/core"
import { Schema } from "effect"
import { as, renamed } from "../Wire.js"

const count = Schema.NonNegativeInt

/** What `Limit` and the standing of a run share. */
export const fields = {
  ...Limits.LimitSubject.fields,
  maxRunning: Schema.NullOr(count),
  paused: Schema.Boolean,
  running: count,
  waiting: count,
}

/**
 * A limit. `kind`, `name` and `key`: what it is of. `max_running`: null for any number. `open`: with a place, and not claimed yet. `waiting`:
 * for a place.
 */
export const Limit = as<Limits.Limit>()(renamed({ ...fields, open: count }), {
  decode: (wire) => wire,
  encode: (value) => value,
}).annotations({ identifier: "Limit" })

/** A limit with a name. `max_running` is for each of its keys. */
export const NamedLimit = as<Limits.NamedLimit>()(renamed({ name: Schema.String, maxRunning: count }), {
  decode: (wire) => wire,
  encode: (value) => value,
}).annotations({ identifier: "NamedLimit" })
