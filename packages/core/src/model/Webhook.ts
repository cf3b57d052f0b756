/**
 * Webhooks: the addresses that a project wants messages at, and the messages that were sent there.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import { Schema } from "effect"
import * as Ids from "./Ids.js"
import { Labels } from "./Labels.js"

/**
 * What a message is about.
 *
 * `run.expired`: a run was cancelled, since no worker has claimed it in time; it is no `run.cancelled`. `run.waiting`: a run waits for
 * answers, for a message or for its budget. `budget.reached`: the last of these. `schedule.skipped`: ticks began no run, since they were missed
 * or the run before them had not ended. `schedule.refused`: the submission of a tick's run was refused. `schedule.ended`: no tick is left.
 * `schedule.stale`: no run has succeeded for as long as `health` of the schedule allows. `test`: a message was requested.
 */
export const EventType = Schema.Literal(
  "run.completed",
  "run.failed",
  "run.cancelled",
  "run.expired",
  "run.waiting",
  "budget.reached",
  "schedule.skipped",
  "schedule.refused",
  "schedule.paused",
  "schedule.ended",
  "schedule.stale",
  "bulk.ended",
  "test",
)
export type EventType = typeof EventType.Type

export const EndpointId = Ids.Uuid.pipe(Schema.brand("EndpointId"))
export type EndpointId = typeof EndpointId.Type

/** The `webhook-id` of a message: the same in each attempt. */
export const DeliveryId = Schema.String.pipe(
  Schema.pattern(/^msg_[0-9a-f-]{36}$/, { message: () => "must be the id of a delivery, such as msg_01…" }),
  Schema.brand("DeliveryId"),
)
export type DeliveryId = typeof DeliveryId.Type

const instant = Schema.DateTimeUtcFromNumber

/** The most endpoints of a project. */
export const maxEndpoints = 100

/**
 * Where messages go. `agentIds`: only events of these agents, null for all. `labels`: only events of runs that have all of these. `failingSince`:
 * the first attempt that failed since the last one that succeeded. `disabledReason`: why the server has disabled it.
 */
export const Endpoint = Schema.Struct({
  id: EndpointId,
  projectId: Ids.ProjectId,
  url: Schema.String.pipe(Schema.maxLength(2048)),
  events: Schema.Array(EventType).pipe(Schema.minItems(1), Schema.maxItems(20)),
  agentIds: Schema.NullOr(Schema.Array(Ids.AgentId).pipe(Schema.minItems(1), Schema.maxItems(100))),
  labels: Labels,
  description: Schema.NullOr(Ids.visibleText(500)),
  status: Schema.Literal("enabled", "disabled"),
  disabledReason: Schema.NullOr(Schema.String),
  failingSince: Schema.NullOr(instant),
  createdBy: Schema.NullOr(Schema.String),
  createdAt: instant,
  updatedAt: instant,
})
export type Endpoint = typeof Endpoint.Type

/** `dead`: no attempt follows. */
export const DeliveryStatus = Schema.Literal("pending", "delivered", "dead")
export type DeliveryStatus = typeof DeliveryStatus.Type

/**
 * A message to an endpoint. `data`: the data of its body. `runId`: the run that it is about, if it is about one. `nextAt`: when it is sent
 * next, or when the attempt that is under way counts as lost. `lastStatus` and `lastError`: of the last attempt that failed or succeeded.
 */
export const Delivery = Schema.Struct({
  id: DeliveryId,
  projectId: Ids.ProjectId,
  endpointId: EndpointId,
  type: EventType,
  runId: Schema.NullOr(Schema.String),
  data: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  status: DeliveryStatus,
  attempt: Schema.NonNegativeInt,
  nextAt: Schema.NullOr(instant),
  lastStatus: Schema.NullOr(Schema.Int),
  lastError: Schema.NullOr(Schema.String),
  createdAt: instant,
  updatedAt: instant,
  finishedAt: Schema.NullOr(instant),
})
export type Delivery = typeof Delivery.Type
