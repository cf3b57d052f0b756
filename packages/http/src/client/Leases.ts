import { Interrupt, Leases, Run, type RunLog as RunLogPort, Runs as RunsPort } from "@runlease/core"
import { Json } from "@runlease/core/executor"
import { type Context, Duration, Effect, Schema } from "effect"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import * as Verdicts from "../contract/Verdicts.js"
import { Replies } from "../Api/Exchange.js"
import { SpawnedReply } from "../Api/Workers.js"
import { maxExpirySeconds } from "../Api/Suspension.js"
import * as WireInterrupt from "../Wire/Interrupt.js"
import { Submission } from "../Wire/Submission.js"
import { fromOutcome } from "../Wire/Outcome.js"
import { Extensions, missing } from "./Extensions.js"
import { Credentials } from "./Credentials.js"
import { RunLookup } from "./RunLookup.js"
import * as RunLog from "./RunLog.js"
import * as Runs from "./Runs.js"
import * as RunTokens from "./RunTokens.js"
import { Exchange, kind } from "./Exchange.js"
import * as Renewals from "./Renewals.js"
import * as Signals from "./Signals.js"
import { lacks, path, Transport } from "./Transport.js"

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
})

const encodeSubmission = Schema.encodeSync(Submission)
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
const completeInSteps =
  (
    runLog: Context.Tag.Service<RunLogPort.RunLog>,
    runs: Context.Tag.Service<RunsPort.Runs>,
  ): Context.Tag.Service<Leases.Leases>["complete"] =>
  (lease, outcome, last, taken) => {
    const { runId, workerId } = lease
    const complete = Effect.map(runs.complete(runId, outcome, lease, taken), ({ completed }) => ({
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

export const make = Effect.fnUntraced(function* (
  project: string,
): Effect.fn.Return<
  Context.Tag.Service<Leases.Leases>,
  never,
  Extensions | Credentials | Exchange | RunLookup | Transport
> {
  const inSteps = completeInSteps(yield* RunLog.make, yield* Runs.make(project))
  const transport = yield* Transport
  const credentials = yield* Credentials
  const extensions = yield* Extensions
  const exchange = yield* Exchange
  const lookup = yield* RunLookup
  const tokenOf = yield* RunTokens.make
  const renew = yield* Renewals.make
  const signals = yield* Signals.make

  const releaseByItself = Effect.fnUntraced(function* (lease: Run.LeaseRef, release?: Leases.Release) {
    const credential = yield* credentials.fenced(lease)
    return yield* transport.request({
      operation: "Leases.release",
      method: "DELETE",
      path: path`/agent-workers/workers/${lease.workerId}/runs/${lease.runId}/lease`,
      ...credential,
      body: releaseBody(release),
      success: Schema.Unknown,
    })
  })

  const suspendByItself = Effect.fnUntraced(function* (
    lease: Run.LeaseRef,
    suspension: Leases.Suspension | Leases.Pause,
  ) {
    const credential = yield* credentials.fenced(lease)
    return yield* transport.request({
      operation: "Leases.suspend",
      method: "POST",
      path: path`/agent-workers/workers/${lease.workerId}/runs/${lease.runId}/suspend`,
      ...credential,
      body: suspendBody(suspension),
      success: Schema.Unknown,
    })
  })

  return {
    renew,

    release: Effect.fnUntraced(function* (lease, release) {
      // Without a way to hand back, the lease lapses by itself.
      if (!extensions) return
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

    complete: (lease, outcome, last, taken) =>
      exchange
        .perform(
          {
            kind: kinds.complete,
            workerId: lease.workerId,
            sent: {
              operation: "complete",
              ...refBody(lease),
              ...fromOutcome(outcome, taken),
              last: last && {
                events: last.events,
                expected_previous_external_event_sequence: last.expectedSequence,
              },
            },
          },
          Effect.suspend(() => inSteps(lease, outcome, last, taken)),
        )
        .pipe(
          Effect.catchTag(
            "Refusal",
            Verdicts.decode(
              "Leases.complete",
              ["RunNotFound", "LeaseLost", "EventRefused", "CursorMismatch", "InboxNotEmpty"],
              aboutLease(lease),
            ),
          ),
        ),

    suspend: Effect.fnUntraced(function* (lease, suspension) {
      if (!extensions) return yield* missing("Leases.suspend", "suspend a run until it is answered")
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
      if (!extensions) return yield* missing("Leases.spawn", "spawn a child of a run")
      // The server finds out whether the id is derived.
      const checked = yield* RunsPort.check({ ...submission, derived: true })
      const credential = yield* credentials.fenced(lease)
      return yield* transport
        .request({
          operation: "Leases.spawn",
          method: "POST",
          path: path`/agent-workers/workers/${lease.workerId}/runs/${lease.runId}/children`,
          ...credential,
          body: {
            step_id: step.stepId,
            name: step.name,
            key: step.key,
            detached: step.detached,
            tells_parent: step.tellsParent,
            run: encodeSubmission(checked),
          },
          success: SpawnedReply,
        })
        .pipe(
          Effect.map(({ index, run_id }): Leases.Spawned =>
            index === undefined ? { runId: run_id } : { runId: run_id, index },
          ),
          Effect.catchTag(
            "Refusal",
            Verdicts.decode(
              "Leases.spawn",
              ["RunNotFound", "LeaseLost", "ChildRefused", "InvalidSubmission"],
              aboutLease(lease),
            ),
          ),
        )
    }),

    appendBeside: Effect.fnUntraced(function* (lease, events) {
      const { runId } = lease
      const token = yield* tokenOf(lease)
      const conversationId = yield* lookup.conversationOf(runId)
      return yield* transport
        .request({
          operation: "Leases.appendBeside",
          method: "POST",
          path: path`/conversations/${conversationId}/runs/${runId}/events`,
          token,
          body: { events },
          success: Replies.append,
        })
        .pipe(
          Effect.map(RunLog.fromReply),
          Effect.catchTag(
            "Refusal",
            Verdicts.decode(
              "Leases.appendBeside",
              ["RunNotFound", "LeaseLost", "EventRefused"],
              aboutLease(lease),
            ),
          ),
        )
    }),

    tell: Effect.fnUntraced(function* (lease, message) {
      const token = yield* tokenOf(lease)
      return yield* transport.request(Runs.messageRequest("Leases.tell", lease.runId, message, token)).pipe(
        Effect.map(({ duplicate, message_id: id }): RunsPort.SentMessage => ({ id, duplicate })),
        Effect.catchTag(
          "Refusal",
          Verdicts.decode("Leases.tell", ["RunNotFound", "LeaseLost", "MessageRefused"], aboutLease(lease)),
        ),
      )
    }),

    signals,
  }
})
