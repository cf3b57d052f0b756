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

const orNull = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optionalWith(Schema.NullOr(schema), { default: () => null })

const bounds = Schema.Struct({
  maxRunning: orNull(NamedMaxRunning),
  rate: orNull(Rate),
  maxPending: orNull(MaxPending),
})
/** What is set of a limit; null for what is not. */
export type LimitBounds = typeof bounds.Type
/** What is to be set; what is absent is not. */
export type LimitBoundsInput = typeof bounds.Encoded

const of = Schema.Union(
  Schema.Struct({ kind: Schema.Literal("agent"), name: Schema.Null, key: Ids.NewAgentId }),
  Schema.Struct({ kind: Schema.Literal("project"), name: Schema.Null, key: Schema.String }),
  Schema.Struct({
    kind: Schema.Literal("named"),
    name: LimitName,
    agentIds: Schema.optionalWith(LimitAgents, { nullable: true }),
    keyFrom: Schema.optionalWith(KeyFrom, { nullable: true }),
  }),
)

/**
 * Which runs a limit is of that is defined: all runs of an agent, all runs of the project, or those that have a key of a limit with a name.
 * The bounds of such a limit are for each key.
 *
 * `agentIds`: each new run of these agents is under the limit, where its submission does not name it. `keyFrom`: where the key of such a run
 * is, as `metadata.customer`; without it all of them have the key `all`. A number or a boolean counts by its text. Where nothing is there, or
 * no such value, the key is `none`. A text that is no key, as it is too long, counts by its SHA-256.
 */
export type LimitOf = typeof of.Type
export type LimitOfInput = typeof of.Encoded

/** All runs of an agent. */
export const ofAgent = (key: string) => ({ kind: "agent", name: null, key }) as const

/** All runs of the project. */
export const ofProject = { kind: "project", name: null, key: "" } as const

/** The runs that share a concurrency key. Their submissions set the limit. */
export const ofKey = (key: string) => ({ kind: "concurrency_key", name: null, key }) as const

/** The runs of all keys of a limit with a name. */
export const ofName = (
  name: string,
  agents: Pick<Extract<LimitOfInput, { readonly kind: "named" }>, "agentIds" | "keyFrom"> = {},
) => ({ kind: "named", name, ...agents }) as const

const definition = Schema.Struct({ of, bounds })
/** A limit: which runs it is of, and what bounds them. */
export type LimitDefinition = typeof definition.Type

/** A limit that is defined. `use`: what runs under it; null for one with a name, of which each key is a `Limit`. */
export interface DefinedLimit extends LimitDefinition {
  readonly use: Limit | null
}

/** Whether nothing is set: that is no limit. */
export const isUnbounded = ({ maxPending, maxRunning, rate }: LimitBounds): boolean =>
  maxRunning === null && rate === null && maxPending === null

/** A limit that cannot be set, and which of its fields is in the way. */
export class InvalidLimit extends Schema.TaggedError<InvalidLimit>("@runlease/core/InvalidLimit")(
  "InvalidLimit",
  { field: Schema.String, message: Schema.String },
) {}

const decode = Schema.decodeEither(definition)

/** The limit as the control plane takes it. */
export const check = (
  of: LimitOfInput,
  bounds: LimitBoundsInput,
): Either.Either<LimitDefinition, InvalidLimit> => {
  const invalid = (field: string, message: string) =>
    Either.left(new InvalidLimit({ field, message: `${field}: ${message}` }))
  const checked = decode({ of, bounds })
  if (Either.isLeft(checked)) {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(checked.left)
    const [, ...field] = issue?.path.map(String) ?? []
    return invalid(field.join("."), issue?.message.split("\n")[0] ?? "is malformed")
  }
  const limit = checked.right
  const { maxPending, maxRunning, rate } = limit.bounds
  if (limit.of.kind !== "named") {
    return maxRunning === 0 || rate !== null || maxPending !== null
      ? invalid("maxRunning", "alone is set of an agent and of the project, as 1 to 100,000")
      : Either.right(limit)
  }
  if (isUnbounded(limit.bounds)) return invalid("maxRunning", "set this, a rate, or how many may be pending")
  if (rate !== null && !fills(rate)) {
    return invalid("rate.burst", "takes longer than 365 days to fill; take a smaller one")
  }
  return limit.of.keyFrom !== undefined && limit.of.agentIds === undefined
    ? invalid("keyFrom", "is of the runs of agents, so it takes agentIds too")
    : Either.right(limit)
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
     * Sets a limit. What is absent is not set any more. Runs that work go on.
     *
     * All runs of an agent or of the project: `maxRunning` alone is set, 1 to 100,000; null for any number. Runs that are there already
     * count. A claim of another server that is under way may still take runs of the project.
     *
     * A limit with a name: submissions may name it from then on. Runs that have it get the new bounds. Its agents are those of later
     * submissions: runs that are there already stay as they are. Where no limit had agents before, another server learns of it within a second.
     *
     * Fails: `InvalidLimit` where nothing is set of a name, where a burst takes longer than 365 days to fill, and where an agent would be in
     * more than 2 limits with names.
     */
    readonly define: (
      of: LimitOfInput,
      bounds: LimitBoundsInput,
    ) => Effect.Effect<DefinedLimit, InvalidLimit | ControlPlaneError>

    /** A limit with a name. */
    readonly get: (name: string) => Effect.Effect<DefinedLimit, LimitNotFound | ControlPlaneError>

    /**
     * Removes a limit, and returns what runs without it: null for a limit with a name, which no submission may name then.
     *
     * Fails: `LimitNotFound` for a name that the project does not have.
     */
    readonly remove: (
      of: LimitOfInput,
    ) => Effect.Effect<DefinedLimit["use"], LimitNotFound | ControlPlaneError>

    /** Lets no run of a concurrency key with a limit, of an agent, of the project, or of a key of a limit with a name, start. Those that work go on. */
    readonly pause: (subject: LimitSubject) => Effect.Effect<Limit, ControlPlaneError>

    /** Lets its runs start again. */
    readonly resume: (subject: LimitSubject) => Effect.Effect<Limit, ControlPlaneError>
  }
>() {}
