import { Schedules } from "@runlease/core"
import { type Context, DateTime, Effect, ParseResult, Schema, Struct } from "effect"
import * as Bodies from "../Api/ScheduleBodies.js"
import { camelCase } from "../contract/ScheduleVerdicts.js"
import * as Strict from "../contract/Strict.js"
import * as Wire from "../Wire/NewSchedule.js"
import { Schedule } from "../Wire/Schedule.js"
import { Extensions, missing } from "./Extensions.js"
import { RunLookup } from "./Runs.js"
import { path, Transport } from "./Transport.js"

/** The body of a request; a value that the wire does not take is refused here as the server would refuse it. */
const encoding = <A, I>(schema: Schema.Schema<A, I>) => {
  const encode = Schema.encode(schema)
  return (value: A): Effect.Effect<I, Schedules.InvalidSchedule> =>
    Effect.mapError(encode(value), (error) => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
      const field = camelCase(issue?.path.map(String).join(".") ?? "")
      const message = issue === undefined ? "is malformed" : Strict.sentence(issue)
      return new Schedules.InvalidSchedule({ field, message })
    })
}

const encodeNew = encoding(Wire.NewSchedule)
const encodeChanges = encoding(Wire.ScheduleChanges)
const encodeDeclared = encoding(Wire.DeclaredSchedules)

const conditionOf = ({ revision }: Schedules.IfRevision = {}) =>
  revision === undefined ? {} : { headers: { "if-match": `"${revision}"` } }

export const make = (
  project: string,
): Effect.Effect<Context.Tag.Service<Schedules.Schedules>, never, Extensions | RunLookup | Transport> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const extensions = yield* Extensions
    const lookup = yield* RunLookup

    return {
      create: Effect.fnUntraced(function* (schedule) {
        const body = yield* encodeNew(Struct.omit(schedule, "createdBy"))
        const reply = yield* transport.call(
          {
            operation: "Schedules.create",
            method: "POST",
            path: path`/projects/${project}/schedules`,
            body,
            success: Bodies.ScheduleReply,
          },
          ["InvalidSchedule"],
        )
        return reply.schedule
      }),

      get: (scheduleId) =>
        transport.call(
          {
            operation: "Schedules.get",
            method: "GET",
            path: path`/projects/${project}/schedules/${scheduleId}`,
            success: Schedule,
          },
          ["ScheduleNotFound"],
          { scheduleId },
        ),

      list: Effect.fnUntraced(function* (options) {
        const { page_info, schedules } = yield* transport.call(
          {
            operation: "Schedules.list",
            method: "GET",
            path: path`/projects/${project}/schedules`,
            query: {
              status: options?.status,
              source_trigger_id: options?.sourceTriggerId,
              ...(extensions
                ? {
                    cursor: options?.cursor,
                    limit: options?.limit,
                    source: options?.source,
                    stale: options?.stale === true ? "true" : undefined,
                  }
                : {}),
            },
            success: Bodies.ScheduleList,
          },
          ["InvalidCursor"],
          { cursor: options?.cursor },
        )
        return { items: schedules, next: page_info?.next ?? null }
      }),

      update: Effect.fnUntraced(function* (scheduleId, changes, condition) {
        const body = yield* encodeChanges(changes)
        const { schedule } = yield* transport.call(
          {
            operation: "Schedules.update",
            method: "PATCH",
            path: path`/projects/${project}/schedules/${scheduleId}`,
            ...conditionOf(condition),
            body,
            success: Bodies.ScheduleReply,
          },
          ["RevisionMismatch", "ScheduleOfSource", "ScheduleNotFound", "InvalidSchedule"],
          { scheduleId },
        )
        return schedule
      }),

      remove: (scheduleId, condition) =>
        Effect.asVoid(
          transport.call(
            {
              operation: "Schedules.remove",
              method: "DELETE",
              path: path`/projects/${project}/schedules/${scheduleId}`,
              ...conditionOf(condition),
              success: Schema.Unknown,
            },
            ["RevisionMismatch", "ScheduleOfSource", "ScheduleNotFound"],
            { scheduleId },
          ),
        ),

      pause: Effect.fnUntraced(function* (scheduleId, options) {
        if (!extensions) return yield* missing("Schedules.pause", "pause a schedule")
        const { schedule } = yield* transport.call(
          {
            operation: "Schedules.pause",
            method: "POST",
            path: path`/projects/${project}/schedules/${scheduleId}/pause`,
            ...conditionOf(options),
            body: { reason: options?.reason },
            success: Bodies.ScheduleReply,
          },
          ["RevisionMismatch", "ScheduleNotFound"],
          { scheduleId },
        )
        return schedule
      }),

      resume: Effect.fnUntraced(function* (scheduleId, condition) {
        if (!extensions) return yield* missing("Schedules.resume", "resume a schedule")
        const { schedule } = yield* transport.call(
          {
            operation: "Schedules.resume",
            method: "POST",
            path: path`/projects/${project}/schedules/${scheduleId}/resume`,
            ...conditionOf(condition),
            success: Bodies.ScheduleReply,
          },
          ["RevisionMismatch", "ScheduleNotFound"],
          { scheduleId },
        )
        return schedule
      }),

      runNow: Effect.fnUntraced(
        function* (scheduleId, options) {
          const { duplicate, run, run_id } = yield* transport.call(
            {
              operation: "Schedules.runNow",
              method: "POST",
              path: path`/projects/${project}/schedules/${scheduleId}/runs`,
              body: { idempotency_key: options?.idempotencyKey },
              success: Bodies.Begun,
            },
            ["ScheduleNotFound", "ConversationNotFound", "InvalidSchedule"],
            { scheduleId },
          )
          return {
            run: yield* run === undefined ? lookup.get(run_id) : lookup.toRun(run),
            duplicate: duplicate ?? false,
          }
        },
        // The server has answered with the run.
        Effect.catchTag("RunNotFound", Effect.die),
      ),

      upcoming: Effect.fnUntraced(function* (scheduleId, count) {
        if (!extensions) return yield* missing("Schedules.upcoming", "show the next ticks of a schedule")
        const { ticks } = yield* transport.call(
          {
            operation: "Schedules.upcoming",
            method: "GET",
            path: path`/projects/${project}/schedules/${scheduleId}/upcoming`,
            query: { count },
            success: Bodies.Upcoming,
          },
          ["ScheduleNotFound"],
          { scheduleId },
        )
        return ticks
      }),

      backfill: Effect.fnUntraced(function* (scheduleId, { from, limit, to }) {
        if (!extensions) return yield* missing("Schedules.backfill", "begin the runs of past ticks")
        return yield* transport.call(
          {
            operation: "Schedules.backfill",
            method: "POST",
            path: path`/projects/${project}/schedules/${scheduleId}/backfill`,
            body: { from: DateTime.formatIso(from), to: DateTime.formatIso(to), limit },
            success: Bodies.Backfilled,
          },
          ["ScheduleNotFound", "ConversationNotFound", "InvalidSchedule"],
          { scheduleId },
        )
      }),

      apply: Effect.fnUntraced(function* (request) {
        if (!extensions) return yield* missing("Schedules.apply", "take the schedules of a source")
        const schedules = yield* encodeDeclared(request.schedules)
        const applied = yield* transport.call(
          {
            operation: "Schedules.apply",
            method: "PUT",
            path: path`/projects/${project}/schedules`,
            body: { source: request.source, schedules, prune: request.prune, dry_run: request.dryRun },
            success: Bodies.Applied,
          },
          ["InvalidSchedule"],
        )
        return applied.schedules
      }),
    }
  })
