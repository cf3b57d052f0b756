import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Ids, RequestSnapshot, type Schedule as Model, Schedules } from "@runlease/core"
import * as PayloadCheck from "@runlease/core/PayloadCheck"
import { Context, Effect, identity } from "effect"
import type { Condition } from "../Api/Schedules.js"
import * as Refusal from "../contract/Refusal.js"
import { pageInfo } from "../Wire.js"
import * as Run from "../Wire/Run.js"
import { Schedule } from "../Wire/Schedule.js"
import * as AgentForms from "./AgentForms.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"

/** The schedules of the named project, which must be the caller's. */
const schedulesOf = (path: { readonly project_reference: string }) =>
  Effect.map(Caller.project(path.project_reference), ({ ports }) => Context.get(ports, Schedules.Schedules))

const conditionOf = (headers: typeof Condition.Type): Schedules.IfRevision => ({
  revision: headers["if-match"],
})

interface Definition {
  readonly target?: Schedules.NewSchedule["target"] | undefined
  readonly config?: Model.ScheduleConfig | undefined
}

/** Passes a definition whose payload its agent takes. `at`: where it is in the body. Those of one request share a budget. */
const checkPayload = ({ config, target }: Definition, budget: AgentForms.Budget, at = "") => {
  const input = PayloadCheck.ofSchedule(config)
  return target === undefined || input === undefined
    ? Effect.void
    : AgentForms.check(
        { agentId: Ids.AgentId.make(target.id), snapshot: { ...RequestSnapshot.empty, input } },
        budget,
      ).pipe(
        Effect.mapError((error) =>
          error._tag === "Refusal" && error.body.field === "input"
            ? Refusal.make(error.httpStatus, error.body.error, error.body.detail, {
                field: `${at}${PayloadCheck.scheduleField}`,
              })
            : error,
        ),
      )
}

export const layer = group("schedules", (handlers) =>
  handlers
    .handle("create", ({ path, payload }) =>
      Effect.gen(function* () {
        const { keyId, ports } = yield* Caller.project(path.project_reference)
        const schedules = Context.get(ports, Schedules.Schedules)
        yield* checkPayload(payload, AgentForms.budget())
        return { schedule: yield* schedules.create({ ...payload, createdBy: keyId }) }
      }),
    )
    .handle("list", ({ path, urlParams }) =>
      Effect.gen(function* () {
        const schedules = yield* schedulesOf(path)
        const { items, next } = yield* schedules.list({
          cursor: urlParams.cursor,
          limit: urlParams.limit,
          status: urlParams.status,
          stale: urlParams.stale,
          source: urlParams.source,
          sourceTriggerId: urlParams.source_trigger_id,
        })
        return HttpServerResponse.unsafeJson({
          schedules: yield* ListRows.encode(Schedule, items, identity, ({ id }) => id),
          source_schedules: [],
          page_info: pageInfo(urlParams.cursor, next),
        })
      }),
    )
    .handle("apply", ({ path, payload }) =>
      Effect.gen(function* () {
        const schedules = yield* schedulesOf(path)
        const budget = AgentForms.budget()
        yield* Effect.forEach(
          payload.schedules,
          (schedule, index) => checkPayload(schedule, budget, `schedules.${index}.`),
          { discard: true },
        )
        const applied = yield* schedules.apply({
          source: payload.source,
          schedules: payload.schedules,
          prune: payload.prune ?? false,
          dryRun: payload.dry_run ?? false,
        })
        return { schedules: applied }
      }),
    )
    .handle("get", ({ path }) =>
      Effect.flatMap(schedulesOf(path), (schedules) => schedules.get(path.schedule_id)),
    )
    .handle("update", ({ headers, path, payload }) =>
      Effect.gen(function* () {
        const schedules = yield* schedulesOf(path)
        if (payload.config !== undefined || payload.target !== undefined) {
          const before = yield* schedules.get(path.schedule_id)
          yield* checkPayload({ ...before, ...payload }, AgentForms.budget())
        }
        return { schedule: yield* schedules.update(path.schedule_id, payload, conditionOf(headers)) }
      }),
    )
    .handle("remove", ({ headers, path }) =>
      Effect.gen(function* () {
        const schedules = yield* schedulesOf(path)
        yield* schedules.remove(path.schedule_id, conditionOf(headers))
        return { deleted: true }
      }),
    )
    .handle("pause", ({ headers, path, payload }) =>
      Effect.gen(function* () {
        const schedules = yield* schedulesOf(path)
        const reason = payload.reason ?? undefined
        return { schedule: yield* schedules.pause(path.schedule_id, { ...conditionOf(headers), reason }) }
      }),
    )
    .handle("resume", ({ headers, path }) =>
      Effect.gen(function* () {
        const schedules = yield* schedulesOf(path)
        return { schedule: yield* schedules.resume(path.schedule_id, conditionOf(headers)) }
      }),
    )
    .handle("runNow", ({ path, payload }) =>
      Effect.gen(function* () {
        const schedules = yield* schedulesOf(path)
        const { duplicate, run } = yield* schedules.runNow(path.schedule_id, {
          idempotencyKey: payload.idempotency_key ?? undefined,
        })
        return {
          run_id: run.runId,
          run_execution_id: run.runId,
          schedule_id: path.schedule_id,
          duplicate,
          run: Run.fromRun(run),
        }
      }),
    )
    .handle("backfill", ({ path, payload }) =>
      Effect.gen(function* () {
        const schedules = yield* schedulesOf(path)
        return yield* schedules.backfill(path.schedule_id, {
          from: payload.from,
          to: payload.to,
          limit: payload.limit ?? undefined,
        })
      }),
    )
    .handle("upcoming", ({ path, urlParams }) =>
      Effect.gen(function* () {
        const schedules = yield* schedulesOf(path)
        return { ticks: yield* schedules.upcoming(path.schedule_id, urlParams.count) }
      }),
    ),
)
