/** Claims and leases over HTTP. */
import {
  type Claims as Port,
  type Ids,
  Interrupt,
  Json,
  Leases,
  Run,
  type RunLog as RunLogPort,
  Runs as RunsPort,
} from "@runlease/core"
import { type Context, Duration, Effect, Schema } from "effect"
import * as ConversationsApi from "../Api/Conversations.js"
import { Replies } from "../Api/Operations.js"
import * as RunsApi from "../Api/Runs.js"
import { maxExpirySeconds } from "../Api/Suspension.js"
import * as Workers from "../Api/Workers.js"
import * as WireInterrupt from "../Wire/Interrupt.js"
import { fromOutcome } from "../Wire/Run.js"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Callbacks from "./Callbacks.js"
import { Connections } from "./Connections.js"
import { Exchange, kind } from "./Exchange.js"
import * as Endpoints from "./Endpoints.js"
import * as Renewals from "./Renewals.js"
import * as RunLog from "./RunLog.js"
import * as RunTokens from "./RunTokens.js"
import * as Runs from "./Runs.js"
import * as Signals from "./Signals.js"
import { Credentials, lacks, type Transport } from "./Transport.js"

// Claims over HTTP.

const claimOperation = "Claims.claim"

const claimKind = kind(claimOperation, Replies.claim)
const handBackKind = kind("Leases.release", Schema.Unknown)

export const makeClaims: Effect.Effect<
  Context.Tag.Service<Port.Claims>,
  never,
  Connections | Credentials | Exchange | Runs.RunLookup | Transport
> = Effect.gen(function* () {
  const workers = yield* Endpoints.of("Claims", Workers.group)
  const connections = yield* Connections
  const credentials = yield* Credentials
  const exchange = yield* Exchange
  const lookup = yield* Runs.RunLookup
  // Workers whose last claim was full. There may be more runs, so their next claim does not wait.
  const sated = new Set<Ids.WorkerId>()

  const handBack = (workerId: Ids.WorkerId, runs: ReadonlyArray<Run.ClaimedRun>) =>
    Effect.forEach(
      runs,
      ({ leaseEpoch, runId }) =>
        exchange.perform(
          {
            kind: handBackKind,
            workerId,
            sent: {
              operation: "release",
              run_id: runId,
              lease_epoch: leaseEpoch,
              reason: "the claim's caller was gone",
            },
          },
          Effect.void,
        ),
      { concurrency: "unbounded", discard: true },
      // When this fails too, the leases lapse.
    ).pipe(Effect.ignoreLogged)

  const optionsOf = ({ agentIds = [], ahead = 0, claimId, leaseDuration }: Port.ClaimRequest) => ({
    lease_duration_seconds: Math.round(Duration.toSeconds(leaseDuration)),
    ...(claimId === undefined ? {} : { claim_id: claimId }),
    ...(agentIds.length === 0 ? {} : { agent_ids: agentIds }),
    ...(ahead === 0 ? {} : { ahead }),
  })

  const byRequest = Effect.fnUntraced(function* (request: Port.ClaimRequest, waitSeconds: number) {
    const { run, runs } = yield* workers.request("claim", {
      path: { worker_id: request.workerId },
      credential: credentials.of(request.workerId),
      sent: {
        ...optionsOf(request),
        ...(request.limit !== 1 ? { limit: request.limit } : {}),
        ...(waitSeconds > 0 ? { wait_seconds: waitSeconds } : {}),
      },
      wait: Duration.seconds(waitSeconds),
    })
    return runs ?? (run === null ? [] : [run])
  })

  const waiting = Effect.fnUntraced(function* (request: Port.ClaimRequest, waitSeconds: number) {
    const connection = yield* connections.settled(request.workerId)
    if (connection === undefined) return yield* byRequest(request, waitSeconds)
    const sent = { ...optionsOf(request), limit: request.limit, wait_seconds: waitSeconds }
    return yield* connection
      .request({
        operation: claimOperation,
        text: `"claim":${JSON.stringify(sent)}`,
        success: Replies.claim,
        wait: Duration.seconds(waitSeconds),
      })
      .pipe(
        Effect.map(({ runs }) => runs),
        // Sent again with its id, a claim has the runs that it had.
        Effect.catchTag("ConnectionLost", () => byRequest(request, waitSeconds)),
      )
  })

  const withOthers = (request: Port.ClaimRequest) =>
    exchange.perform(
      {
        kind: claimKind,
        workerId: request.workerId,
        sent: { operation: "claim", limit: request.limit, ...optionsOf(request) },
        onAbandoned: ({ runs }) => handBack(request.workerId, runs),
      },
      Effect.map(byRequest(request, 0), (runs) => ({ runs })),
    )

  return {
    claim: Effect.fnUntraced(
      function* (request) {
        const { leaseDuration, limit, wait, workerId } = request
        connections.leased(workerId, leaseDuration)
        if (limit === 0) return (yield* withOthers(request)).runs
        const waitSeconds = Math.min(Workers.maxWaitSeconds, Math.ceil(Duration.toSeconds(wait ?? 0)))
        let claimed: ReadonlyArray<Run.ClaimedRun> = []
        if (waitSeconds === 0 || sated.has(workerId)) claimed = (yield* withOthers(request)).runs
        if (waitSeconds > 0 && claimed.length === 0) claimed = yield* waiting(request, waitSeconds)
        if (claimed.length < limit) sated.delete(workerId)
        else sated.add(workerId)
        for (const { conversationId, runId } of claimed) lookup.learn(runId, conversationId)
        return claimed
      },
      (claiming, { workerId }) =>
        Effect.catchTag(claiming, "Refusal", (refusal) =>
          Verdicts.decode(claimOperation, ["WorkerNotFound"], { workerId })(refusal),
        ),
    ),
  }
})

/** The time limit of a wait, within the limits of the server. */
const expirySeconds = (duration: Duration.DurationInput): number =>
  Math.min(maxExpirySeconds, Math.max(1, Duration.toSeconds(duration)))

/** The length of a pause, within the limits of the server. */
const pauseSeconds = (duration: Duration.DurationInput): number =>
  Duration.toSeconds(Duration.min(duration, Leases.maxPause))

const kinds = {
  release: kind("Leases.release", Schema.Unknown),
  complete: kind("Leases.complete", Replies.complete),
  suspend: kind("Leases.suspend", Schema.Unknown),
}

const refBody = ({ epoch, runId }: Run.LeaseRef) => ({ run_id: runId, lease_epoch: epoch })

const releaseBody = (release: Leases.Release | undefined) => ({
  reason: release?.reason,
  delay_seconds: release?.delay === undefined ? undefined : Duration.toSeconds(release.delay),
  count_attempt: release?.countAttempt,
  version: release?.version,
})

const encodeInterrupts = Schema.encodeSync(WireInterrupt.Interrupts)

const pauseBody = ({ budget, children, inbox, wakeAfter }: Leases.Pause) => ({
  ...(wakeAfter === undefined ? {} : { wake_in_seconds: pauseSeconds(wakeAfter) }),
  ...(children === undefined ? {} : { children }),
  ...(inbox === undefined ? {} : { taken_messages: inbox }),
  ...(budget === undefined ? {} : { budget }),
})

/** A tool call alone in the form that every version takes. */
const suspendBody = (suspension: Leases.Suspension | Leases.Pause) => {
  const pause = pauseBody(suspension)
  if (!("interrupts" in suspension)) return pause
  const { expiresAfter, interrupts } = suspension
  const expires = expiresAfter === undefined ? {} : { expires_in_seconds: expirySeconds(expiresAfter) }
  const [{ id, toolName = "" }] = interrupts
  return interrupts.length === 1 && Json.equalJson(interrupts[0], Interrupt.ofToolCall(id, toolName))
    ? { tool_call_id: id, tool_name: toolName, ...expires, ...pause }
    : { interrupts: encodeInterrupts(interrupts), ...expires, ...pause }
}

/** Ends a run over servers that take the last events and the outcome one after the other. */
export const completeInSteps =
  (
    runLog: Context.Tag.Service<RunLogPort.RunLog>,
    runs: Context.Tag.Service<RunsPort.Runs>,
  ): Context.Tag.Service<Leases.Leases>["complete"] =>
  (lease, outcome, last, takenMessages) => {
    const { runId, workerId } = lease
    const complete = Effect.map(runs.complete(runId, outcome, lease, takenMessages), ({ completed }) => ({
      completed,
    }))
    return last === undefined
      ? complete
      : Effect.zipRight(runLog.append({ runId, fence: lease, ...last }), complete).pipe(
          Effect.catchTag("RunEnded", () => Effect.succeed<Leases.Completed>({ completed: false })),
          Effect.catchTag("RunWaiting", () => new Run.LeaseLost({ runId, workerId })),
        )
  }

const aboutLease = ({ runId, workerId }: Run.LeaseRef) => ({ runId, workerId })

export const make: Effect.Effect<
  Context.Tag.Service<Leases.Leases>,
  never,
  Connections | Credentials | Exchange | Runs.RunLookup | Transport
> = Effect.gen(function* () {
  const inSteps = completeInSteps(yield* RunLog.make, yield* Runs.make)
  const workers = yield* Endpoints.of("Leases", Workers.group)
  const conversations = yield* Endpoints.of("Leases", ConversationsApi.group)
  const runs = yield* Endpoints.of("Leases", RunsApi.group)
  const credentials = yield* Credentials
  const exchange = yield* Exchange
  const lookup = yield* Runs.RunLookup
  const tokenOf = yield* RunTokens.make
  const renew = yield* Renewals.make
  const signals = yield* Signals.make

  const pathOf = ({ runId, workerId }: Run.LeaseRef) => ({ worker_id: workerId, run_id: runId })

  const releaseByItself = Effect.fnUntraced(function* (lease: Run.LeaseRef, release?: Leases.Release) {
    return yield* workers.request("release", {
      path: pathOf(lease),
      credential: yield* credentials.fenced(lease),
      sent: releaseBody(release),
      success: Schema.Unknown,
    })
  })

  const suspendByItself = Effect.fnUntraced(function* (
    lease: Run.LeaseRef,
    suspension: Leases.Suspension | Leases.Pause,
  ) {
    return yield* workers.request("suspend", {
      path: pathOf(lease),
      credential: yield* credentials.fenced(lease),
      sent: suspendBody(suspension),
      success: Schema.Unknown,
    })
  })

  return {
    renew,

    release: Effect.fnUntraced(function* (lease, release) {
      yield* exchange
        .perform(
          {
            kind: kinds.release,
            workerId: lease.workerId,
            sent: { operation: "release", ...refBody(lease), ...releaseBody(release) },
          },
          releaseByItself(lease, release),
        )
        .pipe(
          Effect.catchTag("Refusal", (refusal) =>
            lacks(refusal)
              ? Effect.void
              : Verdicts.decode("Leases.release", ["RunNotFound", "LeaseLost"], aboutLease(lease))(refusal),
          ),
        )
    }),

    complete: (lease, outcome, last, takenMessages) =>
      exchange
        .perform(
          {
            kind: kinds.complete,
            workerId: lease.workerId,
            sent: {
              operation: "complete",
              ...refBody(lease),
              ...fromOutcome(outcome, takenMessages),
              last: last && {
                events: last.events,
                expected_previous_external_event_sequence: last.expectedSequence,
              },
            },
          },
          Effect.suspend(() => inSteps(lease, outcome, last, takenMessages)),
        )
        .pipe(
          Effect.catchTag("Refusal", (refusal) =>
            Verdicts.decode(
              "Leases.complete",
              ["RunNotFound", "LeaseLost", "EventRefused", "CursorMismatch", "InboxNotEmpty"],
              aboutLease(lease),
            )(refusal),
          ),
        ),

    suspend: Effect.fnUntraced(function* (lease, suspension) {
      yield* exchange
        .perform(
          {
            kind: kinds.suspend,
            workerId: lease.workerId,
            sent: { operation: "suspend", ...refBody(lease), ...suspendBody(suspension) },
          },
          suspendByItself(lease, suspension),
        )
        .pipe(
          Effect.catchTag("Refusal", (refusal) =>
            lacks(refusal)
              ? Effect.fail(ControlPlaneErrors.decode("Leases.suspend")(refusal))
              : Verdicts.decode(
                  "Leases.suspend",
                  ["RunNotFound", "LeaseLost", "SuspensionRefused"],
                  aboutLease(lease),
                )(refusal),
          ),
        )
    }),

    spawn: Effect.fnUntraced(function* (lease, { submission, ...step }) {
      // The server finds out whether the id is derived.
      const checked = yield* RunsPort.check({ ...submission, derived: true })
      const { index, run_id: runId } = yield* workers.call(
        "spawn",
        {
          path: pathOf(lease),
          credential: yield* credentials.fenced(lease),
          body: {
            step_id: step.stepId,
            name: step.name,
            key: step.key,
            detached: step.detached,
            tells_parent: step.tellsParent,
            run: checked,
          },
        },
        ["RunNotFound", "LeaseLost", "ChildRefused", "InvalidSubmission"],
        aboutLease(lease),
      )
      return index === undefined ? { runId } : { runId, index }
    }),

    callback: Effect.fnUntraced(function* (lease, { expiresIn, question }) {
      const issued = yield* workers.call(
        "callback",
        {
          path: pathOf(lease),
          credential: yield* credentials.fenced(lease),
          body: { interrupt_id: question, expires_in_seconds: Callbacks.secondsOf(expiresIn) },
        },
        ["RunNotFound", "LeaseLost", "CallbackRefused"],
        aboutLease(lease),
      )
      return Callbacks.fromIssued(issued)
    }),

    appendBeside: Effect.fnUntraced(function* (lease, events) {
      const { runId } = lease
      const token = yield* tokenOf(lease)
      const reply = yield* conversations.call(
        "append",
        {
          operation: "Leases.appendBeside",
          path: { conversation_id: yield* lookup.conversationOf(runId), run_id: runId },
          credential: { token },
          body: { events },
          success: Replies.append,
        },
        ["RunNotFound", "LeaseLost", "EventRefused"],
        aboutLease(lease),
      )
      return RunLog.fromReply(reply)
    }),

    tell: Effect.fnUntraced(function* (lease, message) {
      const { duplicate, message_id: id } = yield* runs.call(
        "tell",
        {
          path: { run_id: lease.runId },
          credential: { token: yield* tokenOf(lease) },
          body: Runs.messageBody(message),
        },
        ["RunNotFound", "LeaseLost", "MessageRefused"],
        aboutLease(lease),
      )
      return { id, duplicate }
    }),

    signals,
  }
})
