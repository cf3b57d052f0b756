/**
 * The operations of a worker, from the names of the wire to the ports of its project. Endpoints and exchanges share them.
 *
 * @since 0.1.0
 */
import { type AgentEvent, Claims, type Ids, Interrupt, Leases, type Run, RunLog, Runs } from "@runlease/core"
import { AppendRules, ChildEvent } from "@runlease/core/internal"
import { Context, Duration, Effect, Either } from "effect"
import type { Append } from "../Api/Conversations.js"
import type { Operation } from "../Api/Exchange.js"
import {
  type ClaimOptions,
  defaultLeaseSeconds,
  type ReleaseOptions,
  type SpawnRequest,
} from "../Api/Workers.js"
import { type Suspension } from "../Api/Suspension.js"
import { toOutcome } from "../Wire/Outcome.js"
import { CurrentPrincipal } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import * as AgentForms from "./AgentForms.js"
import type { Program } from "./Caller.js"
import type { Ports } from "./ProjectPortsCache.js"

export const leaseOf = (payload: { readonly lease_duration_seconds?: number | null | undefined }) =>
  Duration.seconds(payload.lease_duration_seconds ?? defaultLeaseSeconds)

export const claim = (ports: Ports, workerId: Ids.WorkerId, payload: typeof ClaimOptions.Type) =>
  Context.get(ports, Claims.Claims).claim({
    workerId,
    limit: payload.limit ?? 1,
    ahead: payload.ahead ?? 0,
    leaseDuration: leaseOf(payload),
    wait: Duration.seconds(payload.wait_seconds ?? 0),
    agentIds: payload.agent_ids ?? undefined,
    claimId: payload.claim_id ?? undefined,
  })

const toAppended = ({ appendedCount, inbox, latestEventId, latestSequence }: RunLog.Appended) => ({
  latest_event_id: latestEventId,
  latest_external_event_sequence: latestSequence,
  appended_count: appendedCount,
  ...(inbox === undefined ? {} : { inbox }),
})

export const append = (
  ports: Ports,
  runId: Ids.RunId,
  payload: typeof Append.Type,
  fence: Run.Fence | undefined,
) =>
  Effect.map(
    Effect.zipRight(
      unlessReserved(payload.events),
      Context.get(ports, RunLog.RunLog).append({
        runId,
        events: payload.events,
        expectedEventId: payload.expected_previous_event_id ?? undefined,
        expectedSequence: payload.expected_previous_external_event_sequence ?? undefined,
        fence,
      }),
    ),
    toAppended,
  )

/**
 * Refuses an API key events that readers of a log take for those of the worker that holds the run, also where the key acts for that worker.
 *
 * Source: docs/decisions/0085-reserved-names.md
 */
const unlessReserved = (
  events: ReadonlyArray<AgentEvent.LogEvent> | undefined,
): Effect.Effect<void, RunLog.EventRefused, CurrentPrincipal> =>
  Effect.flatMap(CurrentPrincipal, ({ _tag }) =>
    _tag === "Worker" || events === undefined ? Either.void : AppendRules.unlessReserved(events),
  )

const cursors = ["expected_previous_event_id", "expected_previous_external_event_sequence"] as const

/** What the program of a run appends, which has no cursor. */
export const appendBeside = ({ lease, ports }: Program, payload: typeof Append.Type) => {
  const field = cursors.find((cursor) => payload[cursor] != null)
  return field === undefined
    ? Effect.map(Context.get(ports, Leases.Leases).appendBeside(lease, payload.events), toAppended)
    : Effect.fail(
        Refusal.make(
          400,
          "invalid_request",
          `${field}: what the token of a run appends has no cursor, so leave it out`,
          { field },
        ),
      )
}

export const complete = (
  ports: Ports,
  lease: Run.LeaseRef,
  payload: Extract<Operation, { readonly operation: "complete" }>,
) =>
  Effect.zipRight(
    unlessReserved(payload.last?.events),
    Context.get(ports, Leases.Leases).complete(
      lease,
      toOutcome(payload),
      payload.last && {
        events: payload.last.events,
        expectedSequence: payload.last.expected_previous_external_event_sequence,
      },
      payload.taken_messages,
    ),
  )

export const release = (ports: Ports, lease: Run.LeaseRef, payload: typeof ReleaseOptions.Type) =>
  Effect.as(
    Context.get(ports, Leases.Leases).release(lease, {
      reason: payload.reason ?? undefined,
      delay: Duration.seconds(payload.delay_seconds ?? 0),
      countAttempt: payload.count_attempt ?? false,
    }),
    { released: true as const },
  )

const secondsOf = (seconds: number | null | undefined): Duration.Duration | undefined =>
  seconds == null ? undefined : Duration.seconds(seconds)

const suspensionOf = (payload: typeof Suspension.Type): Leases.Suspension | Leases.Pause => {
  const pause: Leases.Pause = {
    wakeAfter: secondsOf(payload.wake_in_seconds),
    children: payload.children ?? undefined,
    inbox: payload.taken_messages ?? undefined,
    budget: payload.budget ?? undefined,
  }
  const { tool_call_id: call, tool_name: tool } = payload
  const interrupts =
    payload.interrupts ?? (call == null ? undefined : ([Interrupt.ofToolCall(call, tool ?? "")] as const))
  return interrupts === undefined
    ? pause
    : { ...pause, interrupts, expiresAfter: secondsOf(payload.expires_in_seconds) }
}

/** The fields that the request of a child may not have, as a body names them. */
const fieldsOfChild: Readonly<Record<string, string>> = {
  conversationId: "run.owner",
  parentRunId: "run.parent_run_id",
  initialStatus: "run.request.initial_status",
  budget: "run.request.budget",
  multitask: "run.request.multitask",
  debounce: "run.request.debounce",
  tellsParent: "tells_parent",
}

const inBody = (error: Runs.InvalidSubmission): Runs.InvalidSubmission => {
  const field = fieldsOfChild[error.field]
  return field === undefined
    ? error
    : new Runs.InvalidSubmission({ field, message: error.message.replace(error.field, field) })
}

export const spawn = (
  ports: Ports,
  lease: Run.LeaseRef,
  { detached, key, name, run, step_id: stepId, tells_parent }: typeof SpawnRequest.Type,
) =>
  Effect.gen(function* () {
    const submission = { ...run, publicId: run.publicId ?? ChildEvent.childIdOf(lease.runId, stepId) }
    yield* AgentForms.check(submission)
    const spawned = yield* Context.get(ports, Leases.Leases).spawn(lease, {
      stepId,
      name,
      key,
      detached: detached ?? undefined,
      tellsParent: tells_parent ?? undefined,
      submission,
    })
    return { run_id: spawned.runId, index: spawned.index }
  }).pipe(Effect.catchTag("InvalidSubmission", (error) => Effect.fail(inBody(error))))

export const suspend = (ports: Ports, lease: Run.LeaseRef, payload: typeof Suspension.Type) =>
  Effect.as(Context.get(ports, Leases.Leases).suspend(lease, suspensionOf(payload)), {
    suspended: true as const,
  })
