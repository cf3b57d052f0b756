/** A limit of concurrency, on the wire. (ours) */
import { Ids, Limits } from "@runlease/core"
import { Schema } from "effect"
import { as, nullish, renamed, Timestamp } from "../Wire.js"

const count = Schema.NonNegativeInt

const { burst, count: perPeriod, periodSeconds } = Limits.Rate.fields

/** As `Rate` of core. `burst` is 1 when absent. */
const RateBody = Schema.Struct({
  count: perPeriod,
  period_seconds: periodSeconds,
  burst: Schema.optional(burst.from),
}).annotations({ identifier: "LimitRate" })

const Rate = renamed({ count, periodSeconds: count, burst: count })

/** What is set of a limit. */
const bounds = {
  maxRunning: Schema.NullOr(count),
  rate: Schema.NullOr(Rate),
  maxPending: Schema.NullOr(count),
}

/** The bounds of a limit with a name, as they are set, one of them at least; and its agents. */
export const DefineRequest = Schema.Struct({
  max_running: nullish(Limits.NamedMaxRunning),
  rate: nullish(RateBody),
  max_pending: nullish(Limits.MaxPending),
  agent_ids: nullish(Limits.LimitAgents),
  key_from: nullish(Limits.KeyFrom),
})

/** The request as core takes it. */
export const toInput = (
  name: string,
  {
    agent_ids: agentIds,
    key_from: keyFrom,
    max_pending: maxPending,
    max_running: maxRunning,
    rate,
  }: typeof DefineRequest.Type,
): Limits.NamedLimitInput => ({
  name,
  maxRunning,
  maxPending,
  agentIds,
  keyFrom,
  rate: rate && { count: rate.count, periodSeconds: rate.period_seconds, burst: rate.burst },
})

export const fromInput = ({ agentIds, keyFrom, maxPending, maxRunning, rate }: Limits.NamedLimitInput) => ({
  agent_ids: agentIds,
  key_from: keyFrom,
  max_running: maxRunning,
  rate: rate && { count: rate.count, period_seconds: rate.periodSeconds, burst: rate.burst },
  max_pending: maxPending,
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
export const NamedLimit = as<Limits.NamedLimit>()(
  renamed({
    name: Schema.String,
    ...bounds,
    agentIds: Schema.optional(Schema.Array(Ids.AgentId)).pipe(Schema.fromKey("agent_ids")),
    keyFrom: Schema.optional(Schema.String).pipe(Schema.fromKey("key_from")),
  }),
  {
    decode: (wire) => wire,
    encode: (value) => value,
  },
).annotations({ identifier: "NamedLimit" })
