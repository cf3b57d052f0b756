/**
 * The port of limits of concurrency: what runs under them, and their pause.
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

/**
 * The limit of a concurrency key.
 *
 * `maxRunning`: how many of its runs may work at once; null where no submission has set it. `paused`: none of them starts. `running`: how many
 * work, under a lease. `open`: how many have been let into the queue and wait for a worker. `waiting`: how many wait for a place.
 *
 * @since 0.1.0
 * @category models
 */
export const Limit = Schema.Struct({
  concurrencyKey: Schema.String,
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
    /** The limits that have runs or are paused, the newest first. */
    readonly list: (page?: PageRequest) => Effect.Effect<Page<Limit>, InvalidCursor | ControlPlaneError>

    /** Lets no run of a concurrency key with a limit start. Those that work go on. */
    readonly pause: (concurrencyKey: string) => Effect.Effect<Limit, ControlPlaneError>

    /** Lets the runs of a concurrency key start again. */
    readonly resume: (concurrencyKey: string) => Effect.Effect<Limit, ControlPlaneError>
  }
>() {}
