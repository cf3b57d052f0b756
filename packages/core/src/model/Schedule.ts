/**
 * A schedule: the times at which runs of an agent begin, and what those runs do.
 *
 * Source: docs/decisions/0100-schedules.md
 */
import { Schema } from "effect"
import * as Ids from "./Ids.js"
import { Labels } from "./Labels.js"
import { Target } from "./Run.js"

/** A schedule's id, unique among all projects. */
export const ScheduleId = Ids.Uuid.pipe(Schema.brand("ScheduleId"))
export type ScheduleId = typeof ScheduleId.Type

/** `paused`: no run begins until it is resumed. `deleting`: of another control plane, which deletes in steps. */
export const ScheduleStatus = Schema.Literal("active", "paused", "deleting")
export type ScheduleStatus = typeof ScheduleStatus.Type

/**
 * What becomes of a tick while the last run of the schedule has not ended: it is skipped (`Forbid`); its run begins too (`Allow`); it
 * cancels that run and takes its place (`Replace`); its run waits behind, and a newer tick takes the place of one that waits (`Queue`).
 */
export const ConcurrencyPolicy = Schema.Literal("Allow", "Forbid", "Replace", "Queue")
export type ConcurrencyPolicy = typeof ConcurrencyPolicy.Type

/**
 * What becomes of ticks that no server was there for: none of them runs (`skip`), the last of them does (`once`), or all do, the newest
 * 1,000 at most (`all`). A tick is missed once it is more than 60 seconds late.
 */
export const MissedPolicy = Schema.Literal("skip", "once", "all")
export type MissedPolicy = typeof MissedPolicy.Type

/** `manual`: made over the API. `source`: declared by a source, such as the code of a worker or a file. */
export const DefinitionSource = Schema.Literal("manual", "source")
export type DefinitionSource = typeof DefinitionSource.Type

/**
 * The agent whose runs begin. `conversationId`: the conversation of every run. Where it is absent, each run gets a conversation of its
 * own, which `conversationMode` `create_new` also says.
 */
export const ScheduleTarget = Schema.Struct({
  kind: Schema.Literal("agent"),
  id: Ids.NewAgentId,
  conversationId: Schema.optional(Ids.ConversationId),
  conversationMode: Schema.optional(Schema.Literal("create_new", "reuse")),
})
export type ScheduleTarget = typeof ScheduleTarget.Type

/**
 * What each run gets. `prompt`: a message of the user. `input`: the payload of a typed agent, any JSON. `labels`: 16 at most.
 * `concurrencyKey`: what the run shares with others, instead of the schedule's own lane: a lane, or with `concurrencyLimit` a limit of so
 * many runs that work at once.
 */
export const ScheduleConfig = Schema.Struct({
  prompt: Schema.optional(Ids.StorableText.pipe(Schema.maxLength(20_000))),
  input: Schema.optional(Schema.Unknown),
  labels: Schema.optional(Labels),
  concurrencyKey: Schema.optional(Ids.visibleText(256)),
  concurrencyLimit: Schema.optional(Schema.Int.pipe(Schema.between(1, 100_000))),
})
export type ScheduleConfig = typeof ScheduleConfig.Type

/** A schedule without a success for longer than this is stale. */
export const ScheduleHealth = Schema.Struct({ maxStalenessSeconds: Schema.Int.pipe(Schema.positive()) })
export type ScheduleHealth = typeof ScheduleHealth.Type

/** The times of a schedule, as text. */
const timeFields = {
  /** Five fields of cron, such as `0 9 * * 1-5`, or an interval, such as `every 90s` (units `s`, `m`, `h`, `d`). */
  schedule: Schema.String.pipe(Schema.maxLength(256)),
  /** An IANA name, such as `Europe/Berlin`. */
  timezone: Schema.String.pipe(Schema.maxLength(64)),
  /** No tick is before it. An interval counts from it, and where it is null from 1970. */
  startsAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  /** No tick is after it. */
  endsAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
}

/** When a schedule ticks. */
export const ScheduleSpec = Schema.Struct(timeFields)
export type ScheduleSpec = typeof ScheduleSpec.Type

const count = (min: number, max: number) => Schema.Int.pipe(Schema.between(min, max))

const definitionFields = {
  name: Ids.visibleText(255),
  target: ScheduleTarget,
  ...timeFields,
  runtimeTarget: Target,
  config: ScheduleConfig,
  timeoutSeconds: count(1, 604_800),
  /** The number of attempts of a run after its first. */
  backoffLimit: count(0, 99),
  concurrencyPolicy: ConcurrencyPolicy,
  missed: MissedPolicy,
  /** Each run begins this many seconds late at most: always as many for one schedule, so that many do not begin together. */
  windowSeconds: count(0, 3600),
  /** The schedule is complete after this number of runs; null for no bound. */
  maxRuns: Schema.NullOr(count(1, 1_000_000_000)),
  /** The schedule pauses after this number of failed runs in a row; 0 for never. */
  pauseAfterFailures: count(0, 1000),
  health: Schema.NullOr(ScheduleHealth),
  sourcePath: Schema.NullOr(Ids.StorableText.pipe(Schema.maxLength(1024))),
  integrationRequirements: Schema.Array(Schema.Unknown),
}

/** What its maker says of a schedule, with every default in its place. */
export const ScheduleDefinition = Schema.Struct(definitionFields)
export type ScheduleDefinition = typeof ScheduleDefinition.Type

/** How many ticks began no run: the last run had not ended (`overlap`), or no server was there in time (`missed`). */
export const SkippedTicks = Schema.Struct({ overlap: Schema.NonNegativeInt, missed: Schema.NonNegativeInt })
export type SkippedTicks = typeof SkippedTicks.Type

const instant = Schema.NullOr(Schema.DateTimeUtcFromNumber)

/**
 * A schedule of a project.
 *
 * `revision` grows with each change of the definition or the status, and with no tick. `nextNominal`: the next tick by the definition. `nextAt`: when its run begins, later by the
 * schedule's share of `windowSeconds`. Both are null while it is paused or complete. `source` and `sourceTriggerId`: the source that
 * declares it and its name there; `sourceHash` is the hash of that declaration. `runCount`: the ticks and calls that began a run.
 * `pausedReason`: of a person, or `failures`.
 */
export const Schedule = Schema.Struct({
  ...definitionFields,
  id: ScheduleId,
  projectId: Ids.ProjectId,
  status: ScheduleStatus,
  revision: Schema.NonNegativeInt,
  definitionSource: DefinitionSource,
  source: Schema.NullOr(Schema.String),
  sourceTriggerId: Schema.NullOr(Schema.String),
  sourceHash: Schema.NullOr(Schema.String),
  nextAt: instant,
  nextNominal: instant,
  lastScheduledAt: instant,
  lastRunId: Schema.NullOr(Ids.RunId),
  lastSuccessfulAt: instant,
  lastFailureAt: instant,
  lastFailureCode: Schema.NullOr(Schema.String),
  lastFailureMessage: Schema.NullOr(Schema.String),
  lastFailureRunId: Schema.NullOr(Ids.RunId),
  runCount: Schema.NonNegativeInt,
  skipped: SkippedTicks,
  completedAt: instant,
  pausedAt: instant,
  pausedReason: Schema.NullOr(Schema.String),
  createdBy: Schema.NullOr(Schema.String),
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber,
})
export type Schedule = typeof Schedule.Type

const isScheduleId = Schema.is(ScheduleId)

const runOfSchedule = /^schedule:([0-9a-f-]{36}):/

/** The schedule that has begun a run, which the run's public id names; undefined for any other run. */
export const scheduleOf = (runId: string): ScheduleId | undefined => {
  const id = runOfSchedule.exec(runId)?.[1]
  // Any submitter may choose a public id of this form.
  return isScheduleId(id) ? id : undefined
}
