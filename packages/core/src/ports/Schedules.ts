/**
 * The port of schedules: runs that begin at times.
 *
 * Source: docs/decisions/0100-schedules.md
 */
import { Context, type DateTime, Effect, Layer, Schema } from "effect"
import type * as Ids from "../model/Ids.js"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"
import type { Run } from "../model/Run.js"
import type { Schedule, ScheduleDefinition, ScheduleId, ScheduleStatus } from "../model/Schedule.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { ConversationNotFound } from "./Conversations.js"

/**
 * A schedule to be made. Only `name`, `target` and `schedule` are required.
 *
 * Defaults: `timezone` `UTC`, `concurrencyPolicy` `Forbid`, `missed` `skip`, `windowSeconds` 0, `timeoutSeconds` 3,600, `backoffLimit` 2,
 * `pauseAfterFailures` 0, and for the others null or nothing.
 */
export interface NewSchedule
  extends
    Pick<ScheduleDefinition, "name" | "schedule">,
    Partial<Omit<ScheduleDefinition, "name" | "schedule" | "target">> {
  readonly target: Omit<ScheduleDefinition["target"], "id"> & { readonly id: string }
  readonly createdBy?: string | null | undefined
}

/** The fields of a definition that change; the others stay as they are. */
export type ScheduleChanges = Partial<Omit<NewSchedule, "createdBy">>

/** A schedule that a source declares. `key`: its name there, 1 to 128 characters, which is its `sourceTriggerId`. */
export interface DeclaredSchedule extends Omit<NewSchedule, "createdBy"> {
  readonly key: string
}

/**
 * The schedules of a source. `prune` removes those that the source has declared before and does not declare now. `dryRun` writes
 * nothing and returns the same answer.
 */
export interface ApplySchedules {
  /** 1 to 128 characters. */
  readonly source: string
  readonly schedules: ReadonlyArray<DeclaredSchedule>
  readonly prune?: boolean | undefined
  readonly dryRun?: boolean | undefined
}

export type ApplyAction = "created" | "updated" | "unchanged" | "removed"

/** What became of a schedule of a source. `scheduleId` is null for one that a dry run would create. */
export interface AppliedSchedule {
  readonly key: string
  readonly action: ApplyAction
  readonly scheduleId: ScheduleId | null
}

/** A tick to come: the time by the definition, and when its run begins. */
export interface UpcomingTick {
  readonly nominalAt: DateTime.Utc
  readonly at: DateTime.Utc
}

/**
 * Which ticks of the past begin a run: those from `from` to `to`, both included, the oldest `limit` of them. The payloads of the runs that
 * one backfill begins are 64 MiB and one payload at most, so it may begin fewer.
 *
 * Units: `limit` 1 to 1000, 100 when absent.
 */
export interface BackfillRequest {
  readonly from: DateTime.Utc
  readonly to: DateTime.Utc
  readonly limit?: number | undefined
}

/** `duplicate`: the tick had its run before. */
export interface BackfilledTick {
  readonly nominalAt: DateTime.Utc
  readonly runId: Ids.RunId
  readonly duplicate: boolean
}

/** `more`: there are ticks up to `to` after these. */
export interface Backfilled {
  readonly ticks: ReadonlyArray<BackfilledTick>
  readonly more: boolean
}

/** `idempotencyKey`: the same key again returns the first run; 1 to 128 characters. */
export interface RunNow {
  readonly idempotencyKey?: string | undefined
}

/** `stale`: those alone that have had no success for as long as their `health` allows. */
export interface ListSchedules extends PageRequest {
  readonly stale?: boolean | undefined
  readonly status?: ScheduleStatus | undefined
  readonly source?: string | undefined
  readonly sourceTriggerId?: string | undefined
}

/** The change is made only while the schedule has this revision; any when absent. */
export interface IfRevision {
  readonly revision?: number | undefined
}

/** No schedule of this project has that id. */
export class ScheduleNotFound extends Schema.TaggedError<ScheduleNotFound>("@runlease/core/ScheduleNotFound")(
  "ScheduleNotFound",
  { scheduleId: Schema.String },
) {
  override get message() {
    return `Schedule ${this.scheduleId} does not exist`
  }
}

/** The schedule has a value that no schedule can have, in `field`. `message` says what would be right. Nothing was changed. */
export class InvalidSchedule extends Schema.TaggedError<InvalidSchedule>("@runlease/core/InvalidSchedule")(
  "InvalidSchedule",
  { field: Schema.String, message: Schema.String },
) {}

/** The schedule has changed since: its revision is `revision` now. Nothing was changed. */
export class RevisionMismatch extends Schema.TaggedError<RevisionMismatch>("@runlease/core/RevisionMismatch")(
  "RevisionMismatch",
  { scheduleId: Schema.String, revision: Schema.Number },
) {
  override get message() {
    return `Schedule ${this.scheduleId} has revision ${this.revision} now; read it again`
  }
}

/** The schedule is declared by a source, and changes there alone. It can be paused, resumed and run. */
export class ScheduleOfSource extends Schema.TaggedError<ScheduleOfSource>("@runlease/core/ScheduleOfSource")(
  "ScheduleOfSource",
  { scheduleId: Schema.String, source: Schema.String },
) {
  override get message() {
    return `Schedule ${this.scheduleId} is declared by source ${this.source}; change it there, and apply it`
  }
}

type Answer<E> = Effect.Effect<Schedule, E | ScheduleNotFound | ControlPlaneError>

export class Schedules extends Context.Tag("@runlease/core/Schedules")<
  Schedules,
  {
    /** Makes a schedule, which is active. Its first tick is after now. */
    readonly create: (schedule: NewSchedule) => Effect.Effect<Schedule, InvalidSchedule | ControlPlaneError>

    readonly get: (scheduleId: ScheduleId) => Answer<never>

    /** Newest first. */
    readonly list: (
      options?: ListSchedules,
    ) => Effect.Effect<Page<Schedule>, InvalidCursor | ControlPlaneError>

    /** Changes the definition. A new `schedule`, `timezone`, `startsAt` or `endsAt` sets the next tick anew, after now. */
    readonly update: (
      scheduleId: ScheduleId,
      changes: ScheduleChanges,
      condition?: IfRevision,
    ) => Answer<InvalidSchedule | RevisionMismatch | ScheduleOfSource>

    /** Stops the ticks. Runs that have begun go on. A paused schedule stays as it is. `reason`: 500 characters at most. */
    readonly pause: (
      scheduleId: ScheduleId,
      options?: IfRevision & { readonly reason?: string | undefined },
    ) => Answer<RevisionMismatch>

    /** Ticks again, from now on: the ticks of the pause are not missed. An active schedule stays as it is. */
    readonly resume: (scheduleId: ScheduleId, condition?: IfRevision) => Answer<RevisionMismatch>

    /** Removes the schedule. Its runs stay. */
    readonly remove: (
      scheduleId: ScheduleId,
      condition?: IfRevision,
    ) => Effect.Effect<void, ScheduleNotFound | RevisionMismatch | ScheduleOfSource | ControlPlaneError>

    /**
     * Begins a run now, also of a paused schedule. Unless the policy is `Allow`, it waits for the runs of the schedule that have not
     * ended. It is no tick: the next tick stays.
     */
    readonly runNow: (
      scheduleId: ScheduleId,
      options?: RunNow,
    ) => Effect.Effect<
      { readonly run: Run; readonly duplicate: boolean },
      ConversationNotFound | InvalidSchedule | ScheduleNotFound | ControlPlaneError
    >

    /** The next ticks, 1 to 100 of them, 10 when `count` is absent, as if the schedule were active. */
    readonly upcoming: (
      scheduleId: ScheduleId,
      count?: number,
    ) => Effect.Effect<ReadonlyArray<UpcomingTick>, ScheduleNotFound | ControlPlaneError>

    /**
     * Begins the runs of ticks of the past that have none, in parts of a commit each. A tick has the same run however often it is filled,
     * so a backfill that fails between two parts can be repeated. Unless the policy is `Allow`, the runs go one after the other.
     *
     * Fails: `InvalidSchedule` where `from` is after `to`, or `to` is not past.
     */
    readonly backfill: (
      scheduleId: ScheduleId,
      request: BackfillRequest,
    ) => Effect.Effect<
      Backfilled,
      ConversationNotFound | InvalidSchedule | ScheduleNotFound | ControlPlaneError
    >

    /**
     * Makes the schedules of a source what it declares, in one commit: all of them or none. An unchanged schedule is not written. The
     * schedules of other sources, and those made over the API, are not touched. A changed schedule that is paused stays paused.
     *
     * Fails: `InvalidSchedule`, whose field begins with `schedules.<index>.`.
     */
    readonly apply: (
      request: ApplySchedules,
    ) => Effect.Effect<ReadonlyArray<AppliedSchedule>, InvalidSchedule | ControlPlaneError>
  }
>() {}

/**
 * Makes the schedules of `source` what a worker's code declares, when the Layer is built: at the start of the worker. An unchanged
 * schedule is not written. With `prune`, those that the source has declared before and does not declare now are removed.
 *
 * ```ts
 * Schedules.layerApply("reports", [
 *   { key: "nightly", name: "Nightly report", target: { kind: "agent", id: "report" }, schedule: "0 2 * * *" },
 * ])
 * ```
 *
 * Fails: `InvalidSchedule` names the declaration and its field.
 */
export const layerApply = (
  source: string,
  schedules: ReadonlyArray<DeclaredSchedule>,
  options: Pick<ApplySchedules, "prune"> = {},
): Layer.Layer<never, InvalidSchedule | ControlPlaneError, Schedules> =>
  Layer.effectDiscard(
    Effect.flatMap(Schedules, ({ apply }) => apply({ ...options, source, schedules })).pipe(
      Effect.flatMap((applied) => {
        const changed = applied.filter(({ action }) => action !== "unchanged")
        return Effect.when(
          Effect.logInfo(
            `Schedules of ${source}: ${changed.map(({ action, key }) => `${key} ${action}`).join(", ")}`,
          ),
          () => changed.length > 0,
        )
      }),
    ),
  )
