/**
 * `runlease schedules run`, `upcoming` and `backfill`: the ticks of a schedule, and the runs that they begin.
 */
import { Command, Options } from "@effect/cli"
import { Ids, Schedules } from "@runlease/core"
import { Console, DateTime, Effect, Option } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"
import * as RunLines from "../output/RunLines.js"
import { follow } from "./Follow.js"
import { common, scheduleId, withSchedules } from "./ScheduleClient.js"

export const run = Command.make(
  "run",
  {
    ...common,
    id: Flag.text("idempotency-key", Ids.visibleText(128)).pipe(
      Options.withDescription("A repeat with the same key shows the first run"),
      Options.optional,
    ),
    watch: Options.boolean("watch").pipe(
      Options.withDescription("Follow it, as runlease watch does; the exit code says how it ended"),
    ),
    scheduleId,
  },
  (options) =>
    Effect.gen(function* () {
      const schedules = yield* Schedules.Schedules
      const begun = yield* schedules.runNow(options.scheduleId, {
        idempotencyKey: Option.getOrUndefined(options.id),
      })
      yield* options.json
        ? Output.json({ duplicate: begun.duplicate, ...RunLines.toJson(begun.run) })
        : Console.log(begun.run.runId)
      if (options.watch) yield* follow({ runId: begun.run.runId, after: 0, json: options.json })
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command(
    "Begin a run of a schedule now, also of a paused one. Prints the id of the run. It is no tick: the next tick stays.",
    ["runlease schedules run SCHEDULE --watch"],
  ),
)

const instantOf = (at: DateTime.Utc): string => DateTime.formatIso(at)

export const upcoming = Command.make(
  "upcoming",
  {
    ...common,
    count: Flag.whole("count", { minimum: 1, maximum: 100 }).pipe(
      Options.withDescription("How many ticks, 1 to 100"),
      Options.withDefault(10),
    ),
    scheduleId,
  },
  (options) =>
    Effect.gen(function* () {
      const schedules = yield* Schedules.Schedules
      const ticks = yield* schedules.upcoming(options.scheduleId, options.count)
      if (options.json) {
        return yield* Effect.forEach(
          ticks,
          ({ at, nominalAt }) => Output.json({ nominal_at: instantOf(nominalAt), at: instantOf(at) }),
          { discard: true },
        )
      }
      if (ticks.length === 0) return yield* Console.log("No ticks: the schedule has ended")
      const paint = yield* Output.paint
      yield* Console.log(
        Output.table(
          ["TICK (UTC)", "RUN BEGINS (UTC)"],
          ticks.map(({ at, nominalAt }) => [Phrases.date(nominalAt), Phrases.date(at)]),
          paint,
        ),
      )
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command("Show the next ticks of a schedule, as if it were active.", [
    "runlease schedules upcoming SCHEDULE --count 20",
  ]),
)

export const backfill = Command.make(
  "backfill",
  {
    ...common,
    from: Flag.instant("from").pipe(
      Options.withDescription("The first tick, or a time before it"),
      Options.optional,
    ),
    to: Flag.instant("to").pipe(
      Options.withDescription("The last tick, or a time after it; it must be past"),
      Options.optional,
    ),
    limit: Flag.whole("limit", { minimum: 1, maximum: 1000 }).pipe(
      Options.withDescription("How many ticks, the oldest first, 1 to 1000"),
      Options.withDefault(100),
    ),
    scheduleId,
  },
  (options) =>
    Effect.gen(function* () {
      const [from, to] = yield* Flag.required(
        Option.all([options.from, options.to]),
        "--from or --to is missing",
        "Give it with --from 2026-01-01T00:00:00Z --to 2026-01-31T23:59:59Z.",
      )
      const schedules = yield* Schedules.Schedules
      const { more, ticks } = yield* schedules.backfill(options.scheduleId, {
        from,
        to,
        limit: options.limit,
      })
      yield* Effect.forEach(
        ticks,
        ({ duplicate, nominalAt, runId }) =>
          options.json
            ? Output.json({ nominal_at: instantOf(nominalAt), run_id: runId, duplicate })
            : Console.log(
                `${Phrases.date(nominalAt)}  ${runId}${duplicate ? "  (it had this run before)" : ""}`,
              ),
        { discard: true },
      )
      if (ticks.length === 0 && !options.json) yield* Console.log("The schedule has no tick in that time")
      const last = ticks.at(-1)
      if (more && last !== undefined) {
        yield* Console.error(`More with --from ${instantOf(DateTime.add(last.nominalAt, { seconds: 1 }))}`)
      }
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command(
    "Begin the runs of past ticks that have none. A tick has the same run however often it is filled. Unless the policy is Allow, they go one after the other.",
    ["runlease schedules backfill SCHEDULE --from 2026-01-01T00:00:00Z --to 2026-01-31T23:59:59Z"],
  ),
)
