/** A limit of concurrency, on the wire. (ours) */
import { Ids, Limits } from "@runlease/core"
import { Schema } from "effect"
import { as, nullish, renamed, Timestamp } from "../Wire.js"

const count = Schema.NonNegativeInt

const { burst, count: perPeriod, periodSeconds } = Limits.Rate.fields

/** As `Rate` of core. `burst` is 1 when absent. */
const RateBody = renamed({ count: perPeriod, periodSeconds, burst: Schema.optional(burst.from) }).annotations(
  {
    identifier: "LimitRate",
  },
)

const Rate = renamed({ count, periodSeconds: count, burst: count })

/** What is set of a limit. */
const bounds = {
  maxRunning: Schema.NullOr(count),
  rate: Schema.NullOr(Rate),
  maxPending: Schema.NullOr(count),
}

/** The bounds of a limit with a name, as they are set, one of them at least; and its agents. */
export const DefineRequest = renamed({
  maxRunning: nullish(Limits.NamedMaxRunning).pipe(Schema.fromKey("max_running")),
  rate: nullish(RateBody),
  maxPending: nullish(Limits.MaxPending).pipe(Schema.fromKey("max_pending")),
  agentIds: nullish(Limits.LimitAgents).pipe(Schema.fromKey("agent_ids")),
  keyFrom: nullish(Limits.KeyFrom).pipe(Schema.fromKey("key_from")),
})

/** What `Limit` and the standing of a run share. */
export const fields = {
  ...Limits.LimitSubject.fields,
  ...bounds,
  paused: Schema.Boolean,
  running: count,
  waiting: count,
  pending: count,
  nextStartAt: Schema.NullOr(Timestamp),
}

/**
 * A limit. `kind`, `name` and `key`: what it is of. `max_running`: null for any number. `open`: with a place, and not claimed yet. `waiting`:
 * for a place. `pending`: that no worker has had yet. `next_start_at`: when the rate lets the next of these start; null for now.
 */
export const Limit = as<Limits.Limit>()(renamed({ ...fields, open: count }), {
  decode: (wire) => wire,
  encode: (value) => value,
}).annotations({ identifier: "Limit" })

/**
 * A limit with a name. Its bounds are for each of its keys. `agent_ids`: whose later runs are under it, and `key_from` where the keys of
 * those are; absent where there are none.
 */
export const NamedLimit = as<Limits.DefinedLimit>()(
  renamed({
    name: Schema.String,
    ...bounds,
    agentIds: Schema.optional(Schema.Array(Ids.AgentId)).pipe(Schema.fromKey("agent_ids")),
    keyFrom: Schema.optional(Schema.String).pipe(Schema.fromKey("key_from")),
  }),
  {
    decode: ({ maxPending, maxRunning, rate, ...of }) => ({
      of: { kind: "named", ...of },
      bounds: { maxRunning, rate, maxPending },
      use: null,
    }),
    encode: ({ bounds, of }) => {
      const { kind: _kind, ...runs } = { ...of, name: of.name ?? "" }
      return { ...runs, ...bounds }
    },
  },
).annotations({ identifier: "NamedLimit" })
