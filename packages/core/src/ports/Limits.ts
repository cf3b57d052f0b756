/**
 * The port of limits of concurrency: those of concurrency keys, which submissions set, those of agents and of the project, and those with names.
 *
 * Source: docs/decisions/0102-limits.md
 */
import { Context, type DateTime, type Effect, Either, ParseResult, Schema } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import * as Ids from "../model/Ids.js"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"

/** A concurrency key, as submissions take it. */
export const ConcurrencyKey = Ids.visibleText(256)

/** How many runs may work at once. */
export const MaxRunning = Schema.Int.pipe(Schema.between(1, 100_000))

/**
 * What a limit is of: the runs that share a concurrency key, those of an agent, those of the project, or those that share a key of a limit
 * with a name. `name`: that one, null for the others. `key`: of the project its id, which is not read where a caller sets it.
 */
export const LimitSubject = Schema.Struct({
  kind: Schema.Literal("concurrency_key", "agent", "named", "project"),
  name: Schema.NullOr(Schema.String),
  key: Schema.String,
})
export type LimitSubject = typeof LimitSubject.Type

/** What is set of a limit, and what runs under it: see `Limit`. */
export interface LimitUse {
  readonly maxRunning: number | null
  readonly rate: Rate | null
  readonly maxPending: number | null
  readonly paused: boolean
  readonly running: number
  readonly open: number
  readonly waiting: number
  readonly pending: number
  readonly nextStartAt: DateTime.Utc | null
}

/**
 * A limit, and what runs under it.
 *
 * `maxRunning`: how many of its runs may work at once; null where that is not set. `paused`: none of them starts. `running`: how many
 * work, under a lease. `open`: how many have a place and wait for a worker, or for a place at a further limit. `waiting`: how many wait for a
 * place. `pending`: how many no worker has had yet. `nextStartAt`: when the rate next lets a run start that no worker has had; null where it
 * does now, and without a rate. The limit of a project has no places, so `open` and `waiting` are 0.
 */
export interface Limit extends LimitSubject, LimitUse {}

/** The name of a limit: words of a-z and 0-9 with dashes between them, 64 characters at most. */
export const LimitName = Schema.String.pipe(
  Schema.pattern(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, {
    message: () => "takes words of a-z and 0-9 with dashes between them, as gpu or crm-calls",
  }),
  Schema.maxLength(64),
)

export const LimitKey = Ids.visibleText(128)

/** The most limits with names that a submission has. */
export const mostNamed = 2

/** The keys of a submission at limits with names, 2 at most, narrow to wide. A key is any visible text of 1 to 128 characters. */
export const LimitKeys = Schema.Record({ key: LimitName, value: LimitKey }).pipe(
  Schema.filter((keys) => Object.keys(keys).length <= mostNamed || `takes ${mostNamed} limits at most`),
)
export type LimitKeys = typeof LimitKeys.Type

/** How many runs of each key of a limit may work at once, 0 to 100,000; with 0 none starts. */
export const NamedMaxRunning = Schema.Int.pipe(Schema.between(0, 100_000))

/** The agents whose submissions are under a limit with a name, 1 to 100. */
export const LimitAgents = Schema.Array(Ids.NewAgentId).pipe(Schema.minItems(1), Schema.maxItems(100))

/** The most limits with names that an agent is in. */
export const mostOfAgent = 2

/** Where the key of a run is: a path with dots into its payload, the metadata of the last message of its user, or its labels. */
export const KeyFrom = Schema.String.pipe(
  Schema.pattern(/^(input(\.[^.]+)*|metadata(\.[^.]+)+|labels\..+)$/, {
    message: () => "takes a path that begins with input, metadata or labels, as metadata.customer",
  }),
  Schema.maxLength(256),
)

/** How many runs of a key may wait for their first start, 0 to 1,000,000, besides those that may start at once. */
export const MaxPending = Schema.Int.pipe(Schema.between(0, 1_000_000))

const secondsOfYear = 31_536_000

/**
 * How many runs of a key may start, by a token bucket: it has up to `burst` tokens, gets `count` of them in `periodSeconds`, and each first
 * start of a run takes one. So at most `burst + count * t / periodSeconds` runs start within any t seconds.
 *
 * Units: `count` 1 to 100,000; `periodSeconds` 1 to 31,536,000 (365 days); `burst` 1 to 100,000, 1 when absent, and it fills within 365
 * days.
 */
export const Rate = Schema.Struct({
  count: Schema.Int.pipe(Schema.between(1, 100_000)),
  periodSeconds: Schema.Int.pipe(Schema.between(1, secondsOfYear)),
  burst: Schema.optionalWith(Schema.Int.pipe(Schema.between(1, 100_000)), { default: () => 1 }),
})
export type Rate = typeof Rate.Type

/** Whether the bucket of a rate is full within 365 days. */
const fills = ({ burst, count, periodSeconds }: Rate): boolean =>
  burst * periodSeconds <= secondsOfYear * count

/** What is set of each key of a limit with a name; null for what is not. One of them is set at least. */
export interface NamedBounds {
  readonly maxRunning: number | null
  readonly rate: Rate | null
  readonly maxPending: number | null
}

const definition = Schema.Struct({
  maxRunning: Schema.optional(Schema.NullOr(NamedMaxRunning)),
  rate: Schema.optional(Schema.NullOr(Rate)),
  maxPending: Schema.optional(Schema.NullOr(MaxPending)),
  agentIds: Schema.optional(Schema.NullOr(LimitAgents)),
  keyFrom: Schema.optional(Schema.NullOr(KeyFrom)),
})

/**
 * A limit with a name. Its bounds are for each key. `agentIds`: each new run of these agents is under the limit, where its submission does
 * not name it. `keyFrom`: where the key of such a run is, as `metadata.customer`; without it all of them have the key `all`. A number or
 * a boolean counts by its text. Where nothing is there, or no such value, the key is `none`. A text that is no key, as it is too long,
 * counts by its SHA-256.
 */
export interface NamedLimit extends NamedBounds {
  readonly name: string
  readonly agentIds?: ReadonlyArray<Ids.AgentId> | undefined
  readonly keyFrom?: string | undefined
}

/** A limit with a name, to be set. What is absent is not set. */
export type NamedLimitInput = typeof definition.Encoded & { readonly name: string }

/** Whether nothing is set: that is no limit. */
export const isUnbounded = ({ maxPending, maxRunning, rate }: NamedBounds): boolean =>
  maxRunning === null && rate === null && maxPending === null

/** A limit that cannot be set, and which of its fields is in the way. */
export class InvalidLimit extends Schema.TaggedError<InvalidLimit>("@runlease/core/InvalidLimit")(
  "InvalidLimit",
  { field: Schema.String, message: Schema.String },
) {}

const decode = Schema.decodeEither(Schema.Struct({ name: LimitName, ...definition.fields }))

/** The limit as the control plane takes it. */
export const check = (input: NamedLimitInput): Either.Either<NamedLimit, InvalidLimit> => {
  const invalid = (field: string, message: string) =>
    Either.left(new InvalidLimit({ field, message: `${field}: ${message}` }))
  const checked = decode(input)
  if (Either.isLeft(checked)) {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(checked.left)
    return invalid(issue?.path.map(String).join(".") ?? "", issue?.message.split("\n")[0] ?? "is malformed")
  }
  const { agentIds, keyFrom, maxPending = null, maxRunning = null, name, rate = null } = checked.right
  const limit = { name, maxRunning, rate, maxPending }
  if (isUnbounded(limit)) return invalid("maxRunning", "set this, a rate, or how many may be pending")
  if (rate !== null && !fills(rate)) {
    return invalid("rate.burst", "takes longer than 365 days to fill; take a smaller one")
  }
  if (agentIds == null) {
    return keyFrom == null
      ? Either.right(limit)
      : invalid("keyFrom", "is of the runs of agents, so it takes agentIds too")
  }
  return Either.right({ ...limit, agentIds, ...(keyFrom == null ? {} : { keyFrom }) })
}

/** The project has no limit `name`. */
export class LimitNotFound extends Schema.TaggedError<LimitNotFound>("@runlease/core/LimitNotFound")(
  "LimitNotFound",
  { name: Schema.String },
) {
  override get message() {
    return `There is no limit ${this.name}`
  }
}

export class Limits extends Context.Tag("@runlease/core/Limits")<
  Limits,
  {
    /** The limits that have runs, are paused, or are of an agent or of the project, the newest first. */
    readonly list: (page?: PageRequest) => Effect.Effect<Page<Limit>, InvalidCursor | ControlPlaneError>

    /**
     * Sets how many runs of an agent may work at once, 1 to 100,000; null for any number. Runs that are there already count from then on, and
     * those that work go on.
     */
    readonly setAgent: (
      agentId: Ids.AgentId,
      maxRunning: number | null,
    ) => Effect.Effect<Limit, ControlPlaneError>

    /**
     * Sets how many runs of the project may work at once, 1 to 100,000; null for any number. Runs that work already count, and go on. A claim
     * of another server that is under way may still take its runs.
     */
    readonly setProject: (maxRunning: number | null) => Effect.Effect<Limit, ControlPlaneError>

    /**
     * Sets a limit with a name, which submissions may name from then on. Runs that have it get the new bounds, and those that work go on.
     * What is absent is not set any more. Its agents are those of later submissions: runs that are there already stay as they are. Where no
     * limit had agents before, another server learns of it within a second.
     *
     * Fails: `InvalidLimit` where nothing is set, where a burst takes longer than 365 days to fill, and where an agent would be in more than
     * 2 limits.
     */
    readonly define: (limit: NamedLimitInput) => Effect.Effect<NamedLimit, InvalidLimit | ControlPlaneError>

    readonly named: (name: string) => Effect.Effect<NamedLimit, LimitNotFound | ControlPlaneError>

    /** Removes a limit with a name: its runs start without it, and no submission may name it. */
    readonly remove: (name: string) => Effect.Effect<void, LimitNotFound | ControlPlaneError>

    /** Lets no run of a concurrency key with a limit, of an agent, of the project, or of a key of a limit with a name, start. Those that work go on. */
    readonly pause: (subject: LimitSubject) => Effect.Effect<Limit, ControlPlaneError>

    /** Lets its runs start again. */
    readonly resume: (subject: LimitSubject) => Effect.Effect<Limit, ControlPlaneError>
  }
>() {}
