/**
 * The port of limits of concurrency: those of concurrency keys, which submissions set, those of agents, and those with names.
 *
 * Source: docs/decisions/0102-limits.md
 *
 * @since 0.1.0
 */
import { Context, type Effect, Schema } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import * as Ids from "../model/Ids.js"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"

/**
 * A concurrency key, as submissions take it.
 *
 * @since 0.1.0
 * @category models
 */
export const ConcurrencyKey = Ids.visibleText(256)

/** How many runs may work at once. */
export const MaxRunning = Schema.Int.pipe(Schema.between(1, 100_000))

/**
 * What a limit is of: the runs that share a concurrency key, those of an agent, or those that share a key of a limit with a name. `name`: that
 * one, null for the others.
 *
 * @since 0.1.0
 * @category models
 */
export const LimitSubject = Schema.Struct({
  kind: Schema.Literal("concurrency_key", "agent", "named"),
  name: Schema.NullOr(Schema.String),
  key: Schema.String,
})
export type LimitSubject = typeof LimitSubject.Type

/** What is set of a limit, and what runs under it: see `Limit`. */
export interface LimitUse {
  readonly maxRunning: number | null
  readonly paused: boolean
  readonly running: number
  readonly open: number
  readonly waiting: number
}

/**
 * A limit, and what runs under it.
 *
 * `maxRunning`: how many of its runs may work at once; null where that is not set. `paused`: none of them starts. `running`: how many
 * work, under a lease. `open`: how many have a place and wait for a worker, or for a place at a further limit. `waiting`: how many wait for a
 * place.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limit extends LimitSubject, LimitUse {}

/** The name of a limit: words of a-z and 0-9 with dashes between them, 64 characters at most. */
export const LimitName = Schema.String.pipe(
  Schema.pattern(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, {
    message: () => "takes words of a-z and 0-9 with dashes between them, as gpu or crm-calls",
  }),
  Schema.maxLength(64),
)

/** A key of a limit with a name. */
export const LimitKey = Ids.visibleText(128)

/** The most limits with names that a submission has. */
export const mostNamed = 2

/**
 * The keys of a submission at limits with names, 2 at most, narrow to wide. A key is any visible text of 1 to 128 characters.
 *
 * @since 0.1.0
 * @category models
 */
export const LimitKeys = Schema.Record({ key: LimitName, value: LimitKey }).pipe(
  Schema.filter((keys) => Object.keys(keys).length <= mostNamed || `takes ${mostNamed} limits at most`),
)
export type LimitKeys = typeof LimitKeys.Type

/** How many runs of each key of a limit may work at once, 0 to 100,000; with 0 none starts. */
export const NamedMaxRunning = Schema.Int.pipe(Schema.between(0, 100_000))

/**
 * A limit with a name. `maxRunning` is for each key.
 *
 * @since 0.1.0
 * @category models
 */
export interface NamedLimit {
  readonly name: string
  readonly maxRunning: number
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

/**
 * @since 0.1.0
 * @category tags
 */
export class Limits extends Context.Tag("@runlease/core/Limits")<
  Limits,
  {
    /** The limits that have runs, are paused, or are of an agent, the newest first. */
    readonly list: (page?: PageRequest) => Effect.Effect<Page<Limit>, InvalidCursor | ControlPlaneError>

    /**
     * Sets how many runs of an agent may work at once, 1 to 100,000; null for any number. Runs that are there already count from then on, and
     * those that work go on.
     */
    readonly setAgent: (
      agentId: Ids.AgentId,
      maxRunning: number | null,
    ) => Effect.Effect<Limit, ControlPlaneError>

    /** Sets a limit with a name, which submissions may name from then on. Those that have it get the new bound, and those that work go on. */
    readonly define: (limit: NamedLimit) => Effect.Effect<NamedLimit, ControlPlaneError>

    readonly named: (name: string) => Effect.Effect<NamedLimit, LimitNotFound | ControlPlaneError>

    /** Removes a limit with a name: its runs start without it, and no submission may name it. */
    readonly remove: (name: string) => Effect.Effect<void, LimitNotFound | ControlPlaneError>

    /** Lets no run of a concurrency key with a limit, of an agent, or of a key of a limit with a name, start. Those that work go on. */
    readonly pause: (subject: LimitSubject) => Effect.Effect<Limit, ControlPlaneError>

    /** Lets its runs start again. */
    readonly resume: (subject: LimitSubject) => Effect.Effect<Limit, ControlPlaneError>
  }
>() {}
