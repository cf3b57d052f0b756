/**
 * The flags that say which runs a list shows, and which a bulk operation is for.
 */
import { Options } from "@effect/cli"
import { type BulkOperations, Ids, type OneOrMore, Run } from "@runlease/core"
import { DateTime, Duration, Option, Record } from "effect"
import * as ConditionFlag from "./ConditionFlag.js"
import * as Flag from "./Flag.js"

const searchText = Ids.visibleText(200)

/** The flags of a list. */
export const listed = {
  status: Options.choice("status", Run.RunStatus.literals).pipe(
    Options.withDescription("Only runs of this status; several may be given"),
    Options.repeated,
  ),
  agent: Flag.texts("agent", Ids.AgentId).pipe(
    Options.withDescription("Only this agent's runs; several may be given"),
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
  where: ConditionFlag.where,
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

/** The order of a list. */
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
    Options.withDescription("This run, instead of a filter; several may be given, 1,000 at most"),
  ),
  all: Options.boolean("all").pipe(
    Options.withDescription("Every run of the project, where no other flag says which"),
  ),
}

interface Listed {
  readonly status: ReadonlyArray<Run.RunStatus>
  readonly agent: ReadonlyArray<Ids.AgentId>
  readonly label: Readonly<Record<string, string>> | undefined
  readonly parent: Option.Option<Ids.RunId>
  readonly where: ConditionFlag.Conditions
  readonly root: boolean
  readonly since: Option.Option<DateTime.Utc | Duration.Duration>
  readonly until: Option.Option<DateTime.Utc | Duration.Duration>
}

interface Given extends Listed {
  readonly conversation: Option.Option<Ids.ConversationId>
  readonly text: Option.Option<string>
  readonly errorCode: Option.Option<string>
  readonly run: ReadonlyArray<Ids.RunId>
  readonly all: boolean
}

/** A time that is given as so long ago, or as an instant. */
const instantOf =
  (now: DateTime.Utc) =>
  (time: DateTime.Utc | Duration.Duration): DateTime.Utc =>
    Duration.isDuration(time) ? DateTime.subtractDuration(now, time) : time

/** The values of a flag that may be there several times. One is itself, as servers before that take it. */
const valuesOf = <A>(values: ReadonlyArray<A>): OneOrMore.OneOrMore<A> | undefined =>
  values.length > 1 ? values : values[0]

/** Which runs the flags of a list name, as the ports take it. */
export const toFilter = (given: Listed, now: DateTime.Utc) => ({
  status: valuesOf(given.status),
  agentId: valuesOf(given.agent),
  labels: given.label,
  errorCode: valuesOf(given.where.errorCode),
  metadata: Record.isEmptyRecord(given.where.metadata)
    ? undefined
    : Record.map(given.where.metadata, (values) => valuesOf(values)!),
  roots: given.root ? true : undefined,
  parentRunId: Option.getOrUndefined(given.parent),
  from: Option.getOrUndefined(Option.map(given.since, instantOf(now))),
  to: Option.getOrUndefined(Option.map(given.until, instantOf(now))),
})

/** Which runs the flags name, as the port takes it. A filter and runs that are named one by one exclude each other there. */
export const toRuns = (
  given: Given,
  now: DateTime.Utc,
): Pick<BulkOperations.NewBulk, "filter" | "runIds" | "all"> => {
  const filter = toFilter(given, now)
  const conditions = Object.fromEntries(
    Object.entries({
      ...filter,
      conversationId: Option.getOrUndefined(given.conversation),
      text: Option.getOrUndefined(given.text),
      errorCode: valuesOf([...Option.toArray(given.errorCode), ...given.where.errorCode]),
    }).filter(([, value]) => value !== undefined),
  )
  return {
    ...(Object.keys(conditions).length === 0 ? {} : { filter: conditions }),
    ...(given.run.length === 0 ? {} : { runIds: given.run }),
    ...(given.all ? { all: true } : {}),
  }
}
