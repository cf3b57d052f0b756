import { type Ids, Leases, Run } from "@runlease/core"
import { ControlPlaneUnavailable as Unavailable } from "@runlease/core"
import { Array, type Context, DateTime, Duration, Effect, Ref, Schema, Stream } from "effect"
import { maxExpirySeconds, maxRenewals, Renewed, RenewedMany } from "../Api/Workers.js"
import { Additions, missing } from "./Additions.js"
import { Credentials } from "./Credentials.js"
import type { RunViews } from "./RunViews.js"
import * as RunLog from "./RunLog.js"
import * as Runs from "./Runs.js"
import { jsonEvents } from "./JsonEvents.js"
import { leaseSeconds } from "./LeaseSeconds.js"
import { path, type Refused, Transport, unexpected } from "./Transport.js"

/** How long to wait, within what the server takes. */
const expirySeconds = (duration: Duration.DurationInput): number =>
  Math.min(maxExpirySeconds, Math.max(1, Duration.toSeconds(duration)))

const Signal = Schema.Struct({ type: Schema.Literal("cancelled"), run_id: Schema.String })
const isSignal = Schema.is(Signal)

/** What another server answers where it lacks one of our additions. */
const lacks = (refused: Refused): boolean =>
  (refused.httpStatus === 404 || refused.httpStatus === 405) && refused.body.error !== "run_not_found"

const verdict = (operation: string, lease: Run.LeaseRef) => (refused: Refused) =>
  refused.body.error === "run_not_found"
    ? new Run.RunNotFound({ runId: lease.runId })
    : refused.httpStatus === 403
      ? new Run.LeaseLost({ runId: lease.runId, workerId: lease.workerId })
      : unexpected(operation)(refused)

export const make = Effect.fnUntraced(function* (
  project: string,
): Effect.fn.Return<
  Context.Tag.Service<Leases.Leases>,
  never,
  Additions | Credentials | RunViews | Transport
> {
  const complete = Leases.completeInSteps(yield* RunLog.make, yield* Runs.make(project))
  const transport = yield* Transport
  const credentials = yield* Credentials
  const additions = yield* Additions
  const renewsMany = yield* Ref.make(additions)

  const renewSome = Effect.fnUntraced(function* (request: Leases.RenewRequest) {
    const { token } = yield* credentials.of(request.workerId)
    const { leases } = yield* transport.request({
      operation: "Leases.renew",
      method: "POST",
      path: path`/agent-workers/workers/${request.workerId}/leases`,
      token,
      body: {
        leases: request.leases.map(({ epoch, runId }) => ({ run_id: runId, lease_epoch: epoch })),
        lease_duration_seconds: leaseSeconds(request.leaseDuration),
      },
      success: RenewedMany,
    })
    return request.leases.map(({ runId }, index): Leases.Renewal => {
      const lease = leases[index]
      if (lease?.status === "held" && lease.lease_expires_at !== null) {
        return { _tag: "Held", runId, expiresAt: lease.lease_expires_at }
      }
      return { _tag: lease?.status === "cancelled" ? "Cancelled" : "Lost", runId }
    })
  })

  const renewAll = (request: Leases.RenewRequest) =>
    Effect.map(
      Effect.forEach(
        Array.chunksOf(request.leases, maxRenewals),
        (leases) => renewSome({ ...request, leases }),
        { concurrency: 8 },
      ),
      Array.flatten,
    )

  const renewOne = Effect.fnUntraced(function* (
    request: Leases.RenewRequest,
    lease: Leases.RenewRequest["leases"][number],
  ) {
    const ref = { ...lease, workerId: request.workerId }
    const credential = yield* credentials.fenced(ref)
    const { run } = yield* transport.request({
      operation: "Leases.renew",
      method: "POST",
      path: path`/agent-workers/workers/${request.workerId}/runs/${lease.runId}/lease`,
      ...credential,
      body: { lease_duration_seconds: leaseSeconds(request.leaseDuration) },
      success: Renewed,
    })
    const { runId } = lease
    if (run?.status === "cancelled") return { _tag: "Cancelled", runId } as const
    if (run?.status !== "running") return { _tag: "Lost", runId } as const
    const expiresAt = run.leaseExpiresAt ?? DateTime.addDuration(yield* DateTime.now, request.leaseDuration)
    return { _tag: "Held", runId, expiresAt } as const
  })

  const renewEach = (request: Leases.RenewRequest) =>
    Effect.forEach(
      request.leases,
      (lease) =>
        renewOne(request, lease).pipe(
          Effect.catchTag("Refused", (refused) =>
            [403, 404, 409].includes(refused.httpStatus)
              ? Effect.succeed<Leases.Renewal>({ _tag: "Lost", runId: lease.runId })
              : Effect.fail(unexpected("Leases.renew")(refused)),
          ),
        ),
      { concurrency: 8 },
    )

  const signalsOf = (workerId: Ids.WorkerId) =>
    Stream.unwrapScoped(
      Effect.gen(function* () {
        const { token } = yield* credentials.of(workerId)
        const response = yield* transport.open({
          operation: "Leases.signals",
          method: "GET",
          path: path`/agent-workers/workers/${workerId}/signals`,
          token,
          headers: { accept: "text/event-stream" },
        })
        return jsonEvents("Leases.signals", response)
      }),
    ).pipe(
      Stream.filter(isSignal),
      Stream.map((signal): Leases.LeaseSignal => ({ _tag: "Cancelled", runId: signal.run_id as Ids.RunId })),
      Stream.concat(
        Stream.fail(
          new Unavailable.ControlPlaneUnavailable({
            operation: "Leases.signals",
            message: "The control plane ended the stream of signals",
          }),
        ),
      ),
      Stream.catchTag("Refused", (refused) =>
        lacks(refused) ? Stream.never : Stream.fail(unexpected("Leases.signals")(refused)),
      ),
    )

  return {
    renew: Effect.fn("Leases.renew")(function* (request) {
      if (request.leases.length === 0) return []
      if (!(yield* renewsMany)) return yield* renewEach(request)
      return yield* renewAll(request).pipe(
        Effect.catchTag("Refused", (refused) =>
          lacks(refused)
            ? Effect.zipRight(Ref.set(renewsMany, false), renewEach(request))
            : Effect.fail(unexpected("Leases.renew")(refused)),
        ),
      )
    }),

    release: Effect.fn("Leases.release")(function* (lease, release) {
      // Without a way to hand back, the lease lapses by itself.
      if (!additions) return
      const credential = yield* credentials.fenced(lease)
      yield* transport
        .request({
          operation: "Leases.release",
          method: "DELETE",
          path: path`/agent-workers/workers/${lease.workerId}/runs/${lease.runId}/lease`,
          ...credential,
          body: {
            reason: release?.reason,
            delay_seconds: release?.delay === undefined ? undefined : Duration.toSeconds(release.delay),
            count_attempt: release?.countAttempt,
          },
          success: Schema.Unknown,
        })
        .pipe(
          Effect.catchTag("Refused", (refused) =>
            lacks(refused) ? Effect.void : Effect.fail(verdict("Leases.release", lease)(refused)),
          ),
        )
    }),

    complete: Effect.fn("Leases.complete")(complete),

    suspend: Effect.fn("Leases.suspend")(function* (lease, { expiresAfter, toolCallId, toolName }) {
      if (!additions) return yield* missing("Leases.suspend", "suspend a run for a tool result")
      const credential = yield* credentials.fenced(lease)
      yield* transport
        .request({
          operation: "Leases.suspend",
          method: "POST",
          path: path`/agent-workers/workers/${lease.workerId}/runs/${lease.runId}/suspend`,
          ...credential,
          body: {
            tool_call_id: toolCallId,
            tool_name: toolName,
            expires_in_seconds: expiresAfter === undefined ? undefined : expirySeconds(expiresAfter),
          },
          success: Schema.Unknown,
        })
        .pipe(Effect.catchTag("Refused", (refused) => Effect.fail(verdict("Leases.suspend", lease)(refused))))
    }),

    signals: (workerId) => (additions ? signalsOf(workerId) : Stream.never),
  }
})
