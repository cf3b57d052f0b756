/** The check of what a schedule is made of, with the defaults of what its maker leaves out. */
import { bytesOf } from "@runlease/core/AppendRules"
import { sha256 } from "@runlease/core/Digest"
import { canonicalJson } from "@runlease/core/Json"
import { noTarget } from "@runlease/core/Run"
import { ScheduleDefinition } from "@runlease/core/Schedule"
import { InvalidSchedule, type NewSchedule, type ScheduleChanges } from "@runlease/core/Schedules"
import { Either, ParseResult, Schema } from "effect"
import * as CronTime from "./CronTime.js"

/** The most bytes of a payload as JSON: each run of the schedule has a copy. */
export const maxInputBytes = 65_536

const defaults = {
  timezone: "UTC",
  startsAt: null,
  endsAt: null,
  runtimeTarget: noTarget,
  config: {},
  timeoutSeconds: 3600,
  backoffLimit: 2,
  concurrencyPolicy: "Forbid",
  missed: "skip",
  windowSeconds: 0,
  maxRuns: null,
  pauseAfterFailures: 0,
  health: null,
  sourcePath: null,
  integrationRequirements: [],
}

/** A definition as it is stored: instants are milliseconds. */
export type Definition = typeof ScheduleDefinition.Encoded

const fields = Object.keys(ScheduleDefinition.fields)

/** The fields of a definition that are defined; others are left out. */
const definedFields = (values: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(values).filter(([name, value]) => value !== undefined && fields.includes(name)),
  )

const validate = Schema.validateEither(ScheduleDefinition)
const encode = Schema.encodeSync(ScheduleDefinition)
const decode = Schema.decodeSync(ScheduleDefinition)

/** A limit is that of a key, and its runs have no lane in which one of them waits for another. */
const limitProblem = ({ concurrencyPolicy, config }: ScheduleDefinition): string | undefined => {
  if (config.concurrencyLimit === undefined) return undefined
  if (config.concurrencyKey === undefined) {
    return "needs a concurrency key: the limit is of the runs that share it"
  }
  return concurrencyPolicy === "Replace" || concurrencyPolicy === "Queue"
    ? `does not go with policy ${concurrencyPolicy}, whose runs wait for each other in a lane; choose Allow or Forbid, or leave the limit out`
    : undefined
}

/** The year 10000: times near a tick, such as its share of a window, are instants too, and these end in the year 275760. */
const end = Date.UTC(10_000, 0)

const checkTimes = (definition: ScheduleDefinition): Either.Either<ScheduleDefinition, InvalidSchedule> => {
  const field = (["startsAt", "endsAt"] as const).find((name) => (definition[name]?.epochMillis ?? 0) >= end)
  return field === undefined
    ? Either.right(definition)
    : Either.left(new InvalidSchedule({ field, message: "must be before the year 10000" }))
}

const checkLimit = (definition: ScheduleDefinition): Either.Either<ScheduleDefinition, InvalidSchedule> => {
  const message = limitProblem(definition)
  return message === undefined
    ? Either.right(definition)
    : Either.left(new InvalidSchedule({ field: "config.concurrencyLimit", message }))
}

const check = (values: object): Either.Either<Definition, InvalidSchedule> =>
  Either.mapLeft(validate(values), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const field = issue?.path.map(String).join(".") ?? ""
    return new InvalidSchedule({ field, message: issue?.message.split("\n")[0] ?? "is malformed" })
  }).pipe(
    Either.flatMap(checkLimit),
    Either.flatMap(checkTimes),
    Either.map((definition) => encode(definition)),
  )

/** A checked definition, and its times. */
export interface Checked {
  readonly definition: Definition
  readonly time: CronTime.CronTime
}

const timed = (definition: Definition, now: number): Either.Either<Checked, InvalidSchedule> =>
  Either.map(CronTime.parseComing(decode(definition), now), (time) => ({ definition, time }))

/** The bytes that each run of a schedule has of its definition, as JSON. */
export const bytesOfRun = ({ config: { input, prompt } }: Pick<Definition, "config">): number =>
  bytesOf(JSON.stringify([input, prompt]))

/** A definition whose payload is stored from now on, and not larger than each of its runs may have. */
export const withInput = (checked: Checked): Either.Either<Checked, InvalidSchedule> => {
  const { input } = checked.definition.config
  const bytes = input === undefined ? 0 : bytesOf(JSON.stringify(input))
  return bytes <= maxInputBytes
    ? Either.right(checked)
    : Either.left(
        new InvalidSchedule({
          field: "config.input",
          message: `is ${bytes} bytes of JSON; the payload of a schedule may have ${maxInputBytes}, since each of its runs has a copy`,
        }),
      )
}

/** The definition of a new schedule, which ticks after `now` at least once. */
export const ofNew = (schedule: NewSchedule, now: number): Either.Either<Checked, InvalidSchedule> =>
  Either.flatMap(check({ ...defaults, ...definedFields(schedule) }), (definition) => timed(definition, now))

/** A definition with changes. A payload that does not change may be larger than `maxInputBytes`. */
export const ofChanges = (
  before: Definition,
  changes: ScheduleChanges,
  now: number,
): Either.Either<Checked, InvalidSchedule> =>
  Either.flatMap(check({ ...decode(pick(before)), ...definedFields(changes) }), (definition) =>
    // A schedule that is complete can be renamed.
    ticksAlike(before, definition)
      ? Either.map(timeOf(definition), (time) => ({ definition, time }))
      : timed(definition, now),
  ).pipe(
    Either.flatMap((checked) => (changes.config === undefined ? Either.right(checked) : withInput(checked))),
  )

export const pick = (record: Definition): Definition => {
  const values: Readonly<Record<string, unknown>> = { ...record }
  // A record has every field of its definition.
  return Object.fromEntries(fields.map((name) => [name, values[name]])) as unknown as Definition
}

/** The times of a schedule that was checked when it was stored. A Left is a time zone that this system no longer has. */
export const timeOf = (record: Definition): Either.Either<CronTime.CronTime, InvalidSchedule> =>
  CronTime.parse(decode(pick(record)))

/** Two declarations are the same where their hashes are. */
export const hashOf = (definition: Definition): string => sha256(canonicalJson(definition))

/** Whether two definitions tick at the same times. */
export const ticksAlike = (a: Definition, b: Definition): boolean =>
  a.schedule === b.schedule && a.timezone === b.timezone && a.startsAt === b.startsAt && a.endsAt === b.endsAt
