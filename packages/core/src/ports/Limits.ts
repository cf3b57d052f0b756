/**
 * The port of limits of concurrency: those of concurrency keys, which submissions set, and those of agents.
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
 * What a limit is of: the runs that share a concurrency key, or those of an agent.
 *
 * @since 0.1.0
 * @category models
 */
export const LimitSubject = Schema.Struct({
  kind: Schema.Literal("concurrency_key", "agent"),
  key: Schema.String,
})
export type LimitSubject = typeof LimitSubject.Type

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
export const Limit = Schema.Struct({
  ...LimitSubject.fields,
  maxRunning: Schema.NullOr(Schema.Int),
  paused: Schema.Boolean,
  running: Schema.Int,
  open: Schema.Int,
  waiting: Schema.Int,
})
export type Limit = typeof Limit.Type

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

    /** Lets no run of a concurrency key with a limit, or of an agent, start. Those that work go on. */
    readonly pause: (subject: LimitSubject) => Effect.Effect<Limit, ControlPlaneError>

    /** Lets its runs start again. */
    readonly resume: (subject: LimitSubject) => Effect.Effect<Limit, ControlPlaneError>
  }
>() {}
