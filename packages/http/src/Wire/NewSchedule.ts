/** The definition of a schedule as a user writes it: a new one, the changes of one, and those that a source declares. */
import { Ids, Schedule as Model, type Schedules } from "@runlease/core"
import { Predicate, Record, Schema } from "effect"
import { as, atMost, renamed, Timestamp } from "../Wire.js"
import { ScheduleConfig, ScheduleHealth, ScheduleTarget } from "./Schedule.js"
import * as Run from "./Run.js"

const fields = Model.ScheduleDefinition.fields

/** A field that may be absent or null, with the same meaning. */
const may = <A, I>(key: string, schema: Schema.Schema<A, I>) =>
  Schema.optionalWith(schema, { nullable: true }).pipe(Schema.fromKey(key))

/** A field that may be absent, and whose null is a value. */
const mayBeNull = <A, I>(key: string, schema: Schema.Schema<A, I>) =>
  Schema.optionalWith(Schema.NullOr(schema), { exact: true }).pipe(Schema.fromKey(key))

/** The most items of `integration_requirements`. */
const maxRequirements = 20

/** The most schedules of one source. */
const maxDeclared = 1000

const runtimeTarget = {
  runtime_target_kind: Run.givenTargets.runtime_target_kind,
  runtime_target_environment_id: Run.givenTargets.runtime_target_environment_id,
  runtime_target_branch_id: Run.givenTargets.runtime_target_branch_id,
  runtime_target_release_version: Run.givenTargets.runtime_target_release_version,
}

const options = {
  timezone: may("timezone", fields.timezone).annotations({
    description: "An IANA name, such as Europe/Berlin; UTC when absent",
  }),
  ...runtimeTarget,
  config: may("config", ScheduleConfig).annotations({
    description:
      "The request of each run. `prompt`: a message of the user. (ours) `input`: the payload of the agent, any JSON; `labels`; and `concurrency_key` with `concurrency_limit`, as a submission has them",
  }),
  timeoutSeconds: may("timeout_seconds", fields.timeoutSeconds).annotations({
    description: "How long a run works at most, 3600 when absent. Each schedule has a timeout",
  }),
  backoffLimit: may("backoff_limit", fields.backoffLimit).annotations({
    description: "The number of attempts of a run after its first; 2 when absent",
  }),
  concurrencyPolicy: may("concurrency_policy", fields.concurrencyPolicy).annotations({
    description:
      "What becomes of a tick while the last run has not ended: it is skipped (`Forbid`, when absent), its run begins too (`Allow`), it cancels that run (`Replace`), or (ours) it waits, and the newest alone does (`Queue`)",
  }),
  maxRuns: mayBeNull("max_runs", fields.maxRuns.members[0]).annotations({
    description: "The schedule is complete after this many runs; no bound when absent",
  }),
  health: mayBeNull("health", ScheduleHealth),
  sourcePath: mayBeNull("source_path", Ids.StorableText.pipe(Schema.maxLength(1024))),
  integrationRequirements: may(
    "integration_requirements",
    atMost(maxRequirements)(Schema.Array(Schema.Unknown)),
  ),
  startsAt: mayBeNull("starts_at", Timestamp).annotations({
    description: "(ours) No tick is before it. An interval counts from it",
  }),
  endsAt: mayBeNull("ends_at", Timestamp).annotations({ description: "(ours) No tick is after it" }),
  missed: may("missed", fields.missed).annotations({
    description:
      "(ours) What becomes of ticks that no server was there for: no run (`skip`, when absent), one for the last of them (`once`), or one for each (`all`)",
  }),
  windowSeconds: may("window_seconds", fields.windowSeconds).annotations({
    description: "(ours) Each run begins this many seconds late at most; 0 when absent",
  }),
  pauseAfterFailures: may("pause_after_failures", fields.pauseAfterFailures).annotations({
    description: "(ours) The schedule pauses after this many failed runs in a row; 0 for never",
  }),
}

const required = {
  name: fields.name,
  target: ScheduleTarget,
  schedule: fields.schedule.annotations({
    description: "Five fields of cron, such as `0 9 * * 1-5`; or (ours) an interval, such as `every 90s`",
  }),
}

/** The keys of the runtime target as one value, where one of them is there. */
const fold = (wire: object): object => {
  const [rest, keys] = Record.partition(wire as globalThis.Record<string, string>, (_, key) =>
    Object.hasOwn(runtimeTarget, key),
  )
  return Object.values(keys).some(Predicate.isNotNullable)
    ? { ...rest, runtimeTarget: Run.runtimeTarget(keys) }
    : rest
}

/** The runtime target as its keys. JSON has no undefined, so a field of that value is absent. */
const spread = ({ runtimeTarget, ...rest }: Schedules.ScheduleChanges): object => ({
  ...Record.filter(rest as globalThis.Record<string, unknown>, Predicate.isNotUndefined),
  ...(runtimeTarget === undefined ? {} : Run.runtimeTargetKeys(runtimeTarget)),
})

const definitionOf =
  <A extends Schedules.ScheduleChanges>() =>
  <W extends object, I>(wire: Schema.Schema<W, I>): Schema.Schema<A, I> =>
    as<A>()(wire, { decode: (value) => fold(value) as A, encode: (value) => spread(value) as W })

export const NewSchedule = definitionOf<Schedules.NewSchedule>()(
  renamed({ ...required, ...options }),
).annotations({ identifier: "NewSchedule" })

/** The fields that change; absent ones stay. */
export const ScheduleChanges = definitionOf<Schedules.ScheduleChanges>()(
  renamed({
    name: may("name", required.name),
    target: may("target", required.target),
    schedule: may("schedule", required.schedule),
    ...options,
  }),
).annotations({ identifier: "ScheduleChanges" })

/** A schedule that a source declares, with its name there. */
export const DeclaredSchedule = definitionOf<Schedules.DeclaredSchedule>()(
  renamed({
    key: Ids.visibleText(128).annotations({
      description: "The name of the schedule in its source, which is its `source_trigger_id`",
    }),
    ...required,
    ...options,
  }),
).annotations({ identifier: "DeclaredSchedule" })

/** The schedules of a source, whose list a file has too. */
export const DeclaredSchedules = atMost(maxDeclared)(Schema.Array(DeclaredSchedule))
