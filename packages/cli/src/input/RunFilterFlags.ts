/**
 * The flags that say which runs a list shows, and which a bulk operation is for.
 */
import { HelpDoc, Options, ValidationError } from "@effect/cli"
import { type BulkOperations, Ids, MetadataFilter, type OneOrMore, Run } from "@runlease/core"
import { DateTime, Duration, Effect, Either, Option, Record, Schema } from "effect"
import * as Flag from "./Flag.js"

/** The conditions of the flags: each name with its values, of which a run has one. */
export interface Conditions {
  readonly errorCode: ReadonlyArray<string>
  readonly metadata: Readonly<Record<string, ReadonlyArray<string>>>
}

const prefix = "metadata."

const validateCode = Schema.validateEither(Ids.visibleText(200))

const validateMetadata = Schema.validateEither(MetadataFilter.MetadataFilter)

const problemIn = (text: string, problem: string): string => `--where ${problem}, not ${JSON.stringify(text)}`

/** The name and the value of a condition, checked; else what is wrong. */
const parseOne = (text: string): Either.Either<readonly [name: string, value: string], string> => {
  const [, name = "", value = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  if (name === "error.code") {
    return Either.mapBoth(validateCode(value), {
      onLeft: (error) => `--where error.code ${Flag.problemOf(error)}`,
      onRight: (code) => [name, code] as const,
    })
  }
  if (!name.startsWith(prefix)) {
    return Either.left(problemIn(text, "takes metadata.PATH=VALUE or error.code=CODE"))
  }
  return Either.mapBoth(validateMetadata({ [name.slice(prefix.length)]: value }), {
    onLeft: (error) => `--where ${name} ${Flag.problemOf(error)}`,
    onRight: () => [name, value] as const,
  })
}

const toConditions = (pairs: ReadonlyArray<readonly [name: string, value: string]>): Conditions => {
  const metadata = new Map<string, Array<string>>()
  for (const [name, value] of pairs) {
    if (!name.startsWith(prefix)) continue
    const path = name.slice(prefix.length)
    metadata.set(path, [...(metadata.get(path) ?? []), value])
  }
  return {
    errorCode: pairs.flatMap(([name, value]) => (name === "error.code" ? [value] : [])),
    metadata: Object.fromEntries(metadata),
  }
}

/** A flag of conditions. `check`: what is wrong with all of them, undefined where nothing is. */
const conditionsOf = (description: string, check: (texts: ReadonlyArray<string>) => string | undefined) =>
  Options.text("where").pipe(
    Options.withDescription(`${description}; may be repeated: values of one name are alternatives`),
    Options.repeated,
    Options.mapEffect((texts) => {
      const problem = check(texts)
      return Either.match(problem === undefined ? Either.all(texts.map(parseOne)) : Either.left(problem), {
        onLeft: (wrong) => Effect.fail(ValidationError.invalidValue(HelpDoc.p(wrong))),
        onRight: (pairs) => Effect.succeed(toConditions(pairs)),
      })
    }),
  )

export const where: Options.Options<Conditions> = conditionsOf(
  "Only runs with this value, as metadata.customer.plan=gold in the metadata of their outcome, or error.code=TIMEOUT",
  () => undefined,
)

/** The conditions of a list of things that have no error. */
export const whereMetadata: Options.Options<Conditions["metadata"]> = conditionsOf(
  "Only those with this value in their metadata, as metadata.customer.plan=gold",
  (texts) => {
    const other = texts.find((text) => !text.startsWith(prefix))
    return other === undefined ? undefined : problemIn(other, "takes metadata.PATH=VALUE")
  },
).pipe(Options.map(({ metadata }) => metadata))

const searchText = Ids.visibleText(200)

export const listed = {
  status: Options.choice("status", Run.RunStatus.literals).pipe(
    Options.withDescription("Only runs of this status; may be repeated"),
    Options.repeated,
  ),
  agent: Flag.texts("agent", Ids.AgentId).pipe(
    Options.withDescription("Only this agent's runs; may be repeated"),
  ),
  label: Flag.labels("label").pipe(
    Options.withDescription(
      "Only runs with this label, as name=value; with several, runs that have all of them",
    ),
  ),
  parent: Flag.text("parent", Ids.RunId).pipe(
    Options.withDescription("Only the runs right below this run"),
    Options.optional,
  ),
  where: where,
  root: Options.boolean("root").pipe(Options.withDescription("Only runs that no other run has spawned")),
  since: Flag.past("since").pipe(
    Options.withDescription("Only runs that were submitted from then on, as 2h or 2026-02-01T09:00:00Z"),
    Options.optional,
  ),
  until: Flag.past("until").pipe(
    Options.withDescription("Only runs that were submitted before then"),
    Options.optional,
  ),
}

export const order = {
  oldestFirst: Options.boolean("oldest-first").pipe(
    Options.withDescription("List the oldest runs first, instead of the newest"),
  ),
}

/** The flags of a bulk operation. */
export const flags = {
  ...listed,
  conversation: Flag.text("conversation", Ids.ConversationId).pipe(
    Options.withDescription("Only the runs of this conversation"),
    Options.optional,
  ),
  text: Flag.text("text", searchText).pipe(
    Options.withDescription(
      "Only runs with this text in their title, or at the start or the end of their id",
    ),
    Options.optional,
  ),
  errorCode: Flag.text("error-code", searchText).pipe(
    Options.withDescription("Only runs that ended with this error code"),
    Options.optional,
  ),
  run: Flag.texts("run", Ids.RunId).pipe(
    Options.withDescription("This run, instead of a filter; may be repeated, 1,000 at most"),
  ),
  all: Options.boolean("all").pipe(
    Options.withDescription("Every run of the project, where no other flag says which"),
  ),
}

interface ListOptions {
  readonly status: ReadonlyArray<Run.RunStatus>
  readonly agent: ReadonlyArray<Ids.AgentId>
  readonly label: Readonly<Record<string, string>> | undefined
  readonly parent: Option.Option<Ids.RunId>
  readonly where: Conditions
  readonly root: boolean
  readonly since: Option.Option<DateTime.Utc | Duration.Duration>
  readonly until: Option.Option<DateTime.Utc | Duration.Duration>
}

interface FilterOptions extends ListOptions {
  readonly conversation: Option.Option<Ids.ConversationId>
  readonly text: Option.Option<string>
  readonly errorCode: Option.Option<string>
  readonly run: ReadonlyArray<Ids.RunId>
  readonly all: boolean
}

/** The instant of a time, which is a duration before `now` or an instant. */
export const instantOf =
  (now: DateTime.Utc) =>
  (time: DateTime.Utc | Duration.Duration): DateTime.Utc =>
    Duration.isDuration(time) ? DateTime.subtractDuration(now, time) : time

/** The values of a flag that may be there several times. One is itself, as servers before that take it. */
const valuesOf = <A>(values: ReadonlyArray<A>): OneOrMore.OneOrMore<A> | undefined =>
  values.length > 1 ? values : values[0]

/** Which runs the flags of a list name, as the ports take it. */
export const toFilter = (options: ListOptions, now: DateTime.Utc) => ({
  status: valuesOf(options.status),
  agentId: valuesOf(options.agent),
  labels: options.label,
  errorCode: valuesOf(options.where.errorCode),
  metadata: Record.isEmptyRecord(options.where.metadata)
    ? undefined
    : Record.map(options.where.metadata, (values) => valuesOf(values)!),
  roots: options.root ? true : undefined,
  parentRunId: Option.getOrUndefined(options.parent),
  from: Option.getOrUndefined(Option.map(options.since, instantOf(now))),
  to: Option.getOrUndefined(Option.map(options.until, instantOf(now))),
})

/** Which runs the flags name, as the port takes it. A filter and runs that are named one by one exclude each other there. */
export const toRuns = (
  options: FilterOptions,
  now: DateTime.Utc,
): Pick<BulkOperations.NewBulk, "filter" | "runIds" | "all"> => {
  const filter = toFilter(options, now)
  const conditions = Object.fromEntries(
    Object.entries({
      ...filter,
      conversationId: Option.getOrUndefined(options.conversation),
      text: Option.getOrUndefined(options.text),
      errorCode: valuesOf([...Option.toArray(options.errorCode), ...options.where.errorCode]),
    }).filter(([, value]) => value !== undefined),
  )
  return {
    ...(Object.keys(conditions).length === 0 ? {} : { filter: conditions }),
    ...(options.run.length === 0 ? {} : { runIds: options.run }),
    ...(options.all ? { all: true } : {}),
  }
}
