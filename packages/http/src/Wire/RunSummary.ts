/** Runs and workers as lists show them. (ours) */
import { Ids, Labels, Run, type Schedule as Model, Summaries } from "@runlease/core"
import { Schema } from "effect"
import { as, from, renamed, Timestamp } from "../Wire.js"
import { CountsByStatus } from "./Activity.js"
import * as Wire from "./Interrupt.js"
import * as Limit from "./Limit.js"
import { Schedule } from "./Schedule.js"
import { Worker } from "./Worker.js"

const instant = Schema.NullOr(Timestamp)
const count = Schema.NonNegativeInt

export const ClaimRecord = as<Summaries.ClaimRecord>()(
  renamed({
    epoch: from("lease_epoch")(Run.LeaseEpoch),
    attempt: count,
    workerId: Ids.WorkerId,
    workerName: Schema.String,
    claimedAt: Timestamp,
    renewals: count,
    renewedAt: Timestamp,
    longestGap: from("longest_gap_ms")(Schema.Number),
    expiresAt: instant,
    endedAt: instant,
    ended: Schema.NullOr(
      Schema.Literal(
        "lease_expired",
        "released",
        "retry",
        "suspended",
        "waiting",
        "completed",
        "failed",
        "cancelled",
      ),
    ),
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "ClaimRecord" })

/** What a run waits for. `expires_at`: when it fails without its answers. `wakes_at`: when it continues by itself. */
const Waiting = as<Run.Waiting>()(
  Schema.Struct({
    interrupts: Schema.Array(Wire.Interrupt),
    answers: Schema.Array(Wire.Answer),
    expires_at: instant,
    wakes_at: instant,
    children: Schema.NullOr(Schema.Array(Schema.Array(count))),
    taken_messages: Schema.NullOr(count),
    budget: Schema.Boolean,
  }),
  {
    decode: (wire) => ({
      interrupts: wire.interrupts,
      answers: wire.answers,
      expiresAt: wire.expires_at,
      ...(wire.wakes_at === null ? {} : { wakesAt: wire.wakes_at }),
      ...(wire.children === null ? {} : { children: wire.children }),
      ...(wire.taken_messages === null ? {} : { inbox: wire.taken_messages }),
      ...(wire.budget ? { budget: true as const } : {}),
    }),
    encode: (waiting) => ({
      interrupts: waiting.interrupts,
      answers: waiting.answers,
      expires_at: waiting.expiresAt,
      wakes_at: waiting.wakesAt ?? null,
      children: waiting.children ?? null,
      taken_messages: waiting.inbox ?? null,
      budget: waiting.budget === true,
    }),
  },
).annotations({ identifier: "Waiting" })

export const RunSummary = as<Summaries.RunSummary>()(
  renamed({
    runId: Ids.RunId,
    title: Schema.NullOr(Schema.String),
    status: Run.RunStatus,
    agentId: Ids.AgentId,
    conversationId: Ids.ConversationId,
    parentRunId: Schema.NullOr(Ids.RunId),
    rootRunId: Ids.RunId,
    priority: Schema.Int,
    attempt: count,
    maxAttempts: count,
    waiting: Schema.NullOr(Waiting),
    error: Schema.NullOr(Run.RunError),
    labels: Labels.Labels,
    tokens: count,
    cost: count,
    children: count,
    claims: Schema.Array(ClaimRecord),
    latestEventId: count,
    createdAt: Timestamp,
    updatedAt: Timestamp,
    availableAt: Timestamp,
    startedAt: instant,
    finishedAt: instant,
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "RunSummary" })

/** How many runs of a list are in each status. `whole`: all of them are counted. */
export const StatusCounts = Schema.Struct({
  counts: CountsByStatus,
  searched: count,
  whole: Schema.Boolean,
}).annotations({ identifier: "StatusCounts" })

/** The position of a run. `queued_before`: null where it may not be claimed yet. `reason`: why its last holder gave it back. */
export const Standing = as<Summaries.Standing>()(
  renamed({
    now: Timestamp,
    gate: Schema.NullOr(Schema.Literal("runnable", "delayed", "behind", "limited")),
    ahead: Schema.NullOr(RunSummary),
    runsAhead: count,
    queuedBefore: Schema.NullOr(count),
    reason: Schema.NullOr(Schema.String),
    limit: Schema.NullOr(renamed({ ...Limit.fields, before: count })),
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "Standing" })

export const WorkerSummary = as<Summaries.WorkerSummary>()(
  renamed({
    worker: Worker,
    nextExpiry: from("next_lease_expires_at")(instant),
    renewedAt: instant,
    lost: from("lost_24h")(count),
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "WorkerSummary" })

export const VersionSummary = as<Summaries.VersionSummary>()(
  renamed({
    version: Schema.String,
    workers: count,
    leases: count,
    pending: count,
    waiting: count,
    oldest: instant,
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "VersionSummary" })

export const LostLease = as<Summaries.LostLease>()(
  renamed({
    runId: Ids.RunId,
    title: Schema.NullOr(Schema.String),
    agentId: Ids.AgentId,
    maxAttempts: count,
    claim: ClaimRecord,
    next: Schema.NullOr(ClaimRecord),
    exhausted: Schema.Boolean,
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "LostLease" })

export interface Attention extends Summaries.Attention {
  readonly staleSchedules: ReadonlyArray<Model.Schedule>
}

export const Attention = as<Attention>()(
  renamed({
    waits: Schema.Array(RunSummary),
    oldestPending: Schema.NullOr(RunSummary),
    versions: Schema.optionalWith(Schema.Array(VersionSummary), { default: () => [] }),
    staleSchedules: Schema.optionalWith(Schema.Array(Schedule), { default: () => [] }).pipe(
      Schema.fromKey("stale_schedules"),
    ),
  }),
  { decode: (wire) => wire, encode: (value) => value },
).annotations({ identifier: "Attention" })
