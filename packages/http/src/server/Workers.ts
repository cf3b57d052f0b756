/** The endpoints of workers, and the operations that they share with exchanges. */
import {
  Access,
  type AgentEvent,
  Claims,
  type Ids,
  Interrupt,
  Leases,
  RequestSnapshot,
  Run,
  RunLog,
  Runs,
  TraceContext,
  WorkerRegistry,
} from "@runlease/core"
import * as SideBySide from "@runlease/core/SideBySide"
import * as AppendRules from "@runlease/core/AppendRules"
import * as ChildEvent from "@runlease/core/ChildEvent"
import {
  Context,
  Effect,
  identity,
  Option,
  Redacted,
  Schema,
  Stream,
  Cause,
  Either,
  Exit,
  Duration,
} from "effect"
import type { Append } from "../Api/Conversations.js"
import { type Answer, Operation } from "../Api/Operations.js"
import type { Suspension } from "../Api/Suspension.js"
import {
  type RenewManyOptions,
  type ClaimOptions,
  defaultLeaseSeconds,
  type ReleaseOptions,
  type SpawnRequest,
} from "../Api/Workers.js"
import * as ClaimedRun from "../Wire/ClaimedRun.js"
import * as Decoder from "../Wire/Decoder.js"
import { choice } from "../Wire.js"
import { toOutcome } from "../Wire/Run.js"
import { Worker } from "../Wire/Worker.js"
import { CurrentPrincipal } from "../contract/Principal.js"
import * as InvalidRequest from "../contract/InvalidRequest.js"
import * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as AgentForms from "./AgentForms.js"
import * as Callbacks from "./Callbacks.js"
import * as Caller from "./Caller.js"
import type { Program } from "./Caller.js"
import * as Connection from "./Connection.js"
import * as ErrorResponse from "./ErrorResponse.js"
import * as EventStream from "./EventStream.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"
import * as LongRequests from "./LongRequests.js"
import type { Ports } from "./ProjectPorts.js"

// The operations of a worker, from the names of the wire to the ports of its project. Endpoints and exchanges share them.

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
) => {
  const { complete: end } = Context.get(ports, Leases.Leases)
  const { last, taken_messages: takenMessages } = payload
  return last === undefined
    ? end(lease, toOutcome(payload), undefined, takenMessages)
    : Effect.zipRight(
        unlessReserved(last.events),
        end(
          lease,
          toOutcome(payload),
          { events: last.events, expectedSequence: last.expected_previous_external_event_sequence },
          takenMessages,
        ),
      )
}

export const release = (ports: Ports, lease: Run.LeaseRef, payload: typeof ReleaseOptions.Type) =>
  Effect.as(
    Context.get(ports, Leases.Leases).release(lease, {
      reason: payload.reason ?? undefined,
      delay: Duration.seconds(payload.delay_seconds ?? 0),
      countAttempt: payload.count_attempt ?? false,
      version: payload.version ?? undefined,
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

// Answers an exchange: its operations side by side, so that the store makes one commit of them.

const SentOperation = choice("operation", Operation)

const refused = ({ body, headers, httpStatus }: Refusal.Refusal): Answer => {
  const seconds = headers?.["retry-after"]
  return { status: httpStatus, body, ...(seconds === undefined ? {} : { retry_after: Number(seconds) }) }
}

const perform = (
  ports: Ports,
  workerId: Ids.WorkerId,
  operation: Operation,
): Effect.Effect<unknown, Verdicts.PortError, CurrentPrincipal> => {
  if (operation.operation === "claim") {
    return Effect.map(claim(ports, workerId, operation), (runs) => ({
      runs: runs.map(ClaimedRun.toJson),
    }))
  }
  const lease = { workerId, runId: operation.run_id, epoch: operation.lease_epoch ?? null }
  switch (operation.operation) {
    case "append":
      return append(ports, lease.runId, operation, lease)
    case "complete":
      return complete(ports, lease, operation)
    case "release":
      return release(ports, lease, operation)
    case "suspend":
      return suspend(ports, lease, operation)
  }
}

/** Does an operation as it was sent, in the span that it names. */
const performSent = (
  ports: Ports,
  workerId: Ids.WorkerId,
  sent: unknown,
): Effect.Effect<unknown, Verdicts.PortError | Refusal.Refusal, CurrentPrincipal> => {
  const operation = Decoder.decode(SentOperation, sent)
  if (Either.isLeft(operation)) return Effect.fail(InvalidRequest.ofParse(operation.left))
  const performed = perform(ports, workerId, operation.right)
  const { traceparent } = operation.right
  if (traceparent === undefined) return performed
  const span = Option.getOrUndefined(TraceContext.ofHeader(traceparent))
  return span === undefined ? performed : Effect.withParentSpan(performed, span)
}

/** A failure of one operation is the answer to that operation alone. */
const answerOf = (exit: Exit.Exit<unknown, Verdicts.PortError | Refusal.Refusal>): Effect.Effect<Answer> =>
  Exit.isSuccess(exit)
    ? Effect.succeed({ status: 200, body: exit.value })
    : Effect.map(ErrorResponse.ofCause(Cause.map(exit.cause, (error) => Verdicts.encode(error))), refused)

/** Does operations of a worker side by side. */
export const exchange = Effect.fnUntraced(function* (workerId: Ids.WorkerId, sent: ReadonlyArray<unknown>) {
  const ports = yield* Caller.worker(workerId)
  const performed = sent.map((operation) => performSent(ports, workerId, operation))
  const [first] = performed
  const exits =
    first !== undefined && performed.length === 1
      ? [yield* Effect.exit(first)]
      : // The store makes one commit of requests that arrive together.
        yield* SideBySide.exits(performed, { immediate: true })
  return { answers: yield* Effect.forEach(exits, answerOf) }
})

const signalsOf = (workerId: Ids.WorkerId) =>
  Effect.map(Caller.worker(workerId), (ports) =>
    Stream.map(Context.get(ports, Leases.Leases).signals(workerId), toWireSignal),
  )

export const exchangeLayer = group("exchange", (handlers) =>
  Effect.map(
    Connection.make({
      exchange,
      claim: (workerId, payload) =>
        Effect.flatMap(Caller.worker(workerId), (ports) =>
          Effect.map(claim(ports, workerId, payload), (runs) => ({ runs: runs.map(ClaimedRun.toJson) })),
        ),
      signals: signalsOf,
      answerOf,
    }),
    (connect) =>
      handlers
        .handle("exchange", ({ path, payload }) => exchange(path.worker_id, payload.operations))
        .handleRaw("connect", ({ path }) =>
          Effect.zipRight(Caller.worker(path.worker_id), connect(path.worker_id)),
        ),
  ),
)

const statusOf = Schema.decodeUnknownOption(WorkerRegistry.WorkerStatus)

/** Renews leases of a worker; one answer for each, in their order. */
export const renewMany = Effect.fnUntraced(function* (
  workerId: Ids.WorkerId,
  payload: typeof RenewManyOptions.Type,
) {
  const ports = yield* Caller.worker(workerId)
  const leases =
    payload.leases?.map((lease) => ({ runId: lease.run_id, epoch: lease.lease_epoch ?? null })) ??
    payload.run_ids?.map((runId) => ({ runId, epoch: null })) ??
    []
  const renewals = yield* Context.get(ports, Leases.Leases).renew({
    workerId,
    leases,
    leaseDuration: leaseOf(payload),
  })
  return { leases: renewals.map(toWire) }
})

export const layer = group("workers", (handlers) =>
  Effect.gen(function* () {
    const access = yield* Access.Access

    return handlers
      .handle("register", ({ path, payload }) =>
        Effect.gen(function* () {
          const { keyId, ports, projectId } = yield* Caller.project(path.project_reference)
          const worker = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).register(payload)
          const token = yield* access.issueWorkerToken({ projectId, workerId: worker.id, issuedBy: keyId })
          return { worker, token: Redacted.value(token) }
        }),
      )
      .handle("workers", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const { ports } = yield* Caller.project(path.project_reference)
          const page = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).list(urlParams)
          return yield* ListRows.respond(Worker, page, identity, ({ id }) => id, urlParams)
        }),
      )
      .handle("revokeTokens", ({ path }) =>
        Effect.gen(function* () {
          const { projectId } = yield* Caller.apiKey
          return { revoked: yield* access.revokeWorkerTokens({ projectId, workerId: path.worker_id }) }
        }),
      )
      .handle("heartbeat", ({ path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const worker = yield* Context.get(ports, WorkerRegistry.WorkerRegistry).heartbeat(
            path.worker_id,
            Option.getOrUndefined(statusOf(payload.status)),
            payload.metadata ?? undefined,
          )
          return { worker, token: null }
        }),
      )
      .handle(
        "claim",
        Effect.fnUntraced(function* ({ path, payload }) {
          const ports = yield* Caller.worker(path.worker_id)
          const claiming = claim(ports, path.worker_id, payload)
          const runs = yield* payload.wait_seconds
            ? Effect.map(
                LongRequests.wait(claiming),
                Option.getOrElse(() => []),
              )
            : claiming
          return { run: runs[0] ?? null, ...(payload.limit == null ? {} : { runs }) }
        }),
      )
      .handle("renew", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const [renewal] = yield* Context.get(ports, Leases.Leases).renew({
            workerId: path.worker_id,
            leases: [Caller.leaseOf(path, headers)],
            leaseDuration: leaseOf(payload),
          })
          if (renewal === undefined || renewal._tag === "Lost") return { run: null }
          const run = yield* Context.get(ports, Runs.Runs).get(path.run_id)
          return { run: Run.toClaimed(run, RequestSnapshot.empty) }
        }),
      )
      .handle("renewMany", ({ path, payload }) => renewMany(path.worker_id, payload))
      .handle("release", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          return yield* release(ports, Caller.leaseOf(path, headers), payload)
        }),
      )
      .handle("suspend", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          return yield* suspend(ports, Caller.leaseOf(path, headers), payload)
        }),
      )
      .handle("spawn", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const program = yield* Caller.program(path)
          const ports = program?.ports ?? (yield* Caller.worker(path.worker_id))
          const lease = program?.lease ?? Caller.leaseOf(path, headers)
          return yield* spawn(ports, lease, payload)
        }),
      )
      .handle("callback", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const seconds = payload.expires_in_seconds
          const issued = yield* Context.get(ports, Leases.Leases).callback(Caller.leaseOf(path, headers), {
            question: payload.interrupt_id,
            ...(seconds == null ? {} : { expiresIn: Duration.seconds(seconds) }),
          })
          return yield* Callbacks.issuedTo(path.run_id, issued)
        }),
      )
      .handle("session", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.worker(path.worker_id)
          const session = yield* Context.get(ports, Runs.Runs).recordSession(
            Caller.leaseOf(path, headers),
            payload,
          )
          return { session }
        }).pipe(Effect.mapError((error) => Verdicts.encode(error, "session"))),
      )
      .handleRaw("signals", ({ path }) =>
        Effect.gen(function* () {
          const signals = yield* signalsOf(path.worker_id)
          return yield* EventStream.respond(
            Stream.map(signals, (signal) => EventStream.frame(JSON.stringify(signal))),
          )
        }),
      )
  }),
)

const toWireSignal = (signal: Leases.LeaseSignal) => {
  switch (signal._tag) {
    case "Cancelled":
      return { type: "cancelled", run_id: signal.runId }
    case "MessageSent":
      return { type: "message", run_id: signal.runId, inbox: signal.inbox }
    case "Drain":
      return { type: "drain", drain: signal.drain }
  }
}

const toWire = (renewal: Leases.Renewal) => {
  switch (renewal._tag) {
    case "Renewed":
      return {
        run_id: renewal.runId,
        status: "held" as const,
        lease_expires_at: renewal.expiresAt,
        ...(renewal.inbox === undefined ? {} : { inbox: renewal.inbox }),
      }
    case "Cancelled":
      return { run_id: renewal.runId, status: "cancelled" as const, lease_expires_at: null }
    case "Lost":
      return { run_id: renewal.runId, status: "lost" as const, lease_expires_at: null }
  }
}
