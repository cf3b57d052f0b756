/** Renews leases: many to a request, or one by one where the server cannot. */
import { Leases } from "@runlease/core"
import { Array, type Context, DateTime, Duration, Effect, Ref } from "effect"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import { group, maxRenewals } from "../Api/Workers.js"
import * as Endpoints from "./Endpoints.js"
import { Credentials, lacks, type Transport } from "./Transport.js"

/** The wire takes whole seconds. */
const leaseSeconds = ({ leaseDuration }: Leases.RenewRequest): number =>
  Math.round(Duration.toSeconds(leaseDuration))

type Renew = Context.Tag.Service<Leases.Leases>["renew"]

/** One by one: each lease by its own request. */
export const makeOneByOne: Effect.Effect<Renew, never, Credentials | Transport> = Effect.gen(function* () {
  const workers = yield* Endpoints.of("Leases", group)
  const credentials = yield* Credentials

  const renewOne = Effect.fnUntraced(function* (
    request: Leases.RenewRequest,
    lease: Leases.RenewRequest["leases"][number],
  ) {
    const ref = { ...lease, workerId: request.workerId }
    const credential = yield* credentials.fenced(ref)
    const { run } = yield* workers.request("renew", {
      path: { worker_id: request.workerId, run_id: lease.runId },
      credential,
      sent: { lease_duration_seconds: leaseSeconds(request) },
    })
    const { runId } = lease
    if (run?.status === "cancelled") return { _tag: "Cancelled", runId } as const
    if (run?.status !== "running") return { _tag: "Lost", runId } as const
    const expiresAt = run.leaseExpiresAt ?? DateTime.addDuration(yield* DateTime.now, request.leaseDuration)
    return { _tag: "Renewed", runId, expiresAt } as const
  })

  return (request) =>
    Effect.forEach(
      request.leases,
      (lease) =>
        renewOne(request, lease).pipe(
          Effect.catchTag("Refusal", (refusal) =>
            [403, 404, 409].includes(refusal.httpStatus)
              ? Effect.succeed<Leases.Renewal>({ _tag: "Lost", runId: lease.runId })
              : Effect.fail(ControlPlaneErrors.decode("Leases.renew")(refusal)),
          ),
        ),
      { concurrency: 8 },
    )
})

export const make: Effect.Effect<Renew, never, Credentials | Transport> = Effect.gen(function* () {
  const workers = yield* Endpoints.of("Leases", group)
  const credentials = yield* Credentials
  const renewEach = yield* makeOneByOne
  const renewsMany = yield* Ref.make(true)

  const renewSome = Effect.fnUntraced(function* (request: Leases.RenewRequest) {
    const { leases } = yield* workers.request("renewMany", {
      operation: "Leases.renew",
      path: { worker_id: request.workerId },
      credential: credentials.of(request.workerId),
      sent: {
        leases: request.leases.map(({ epoch, runId }) => ({ run_id: runId, lease_epoch: epoch })),
        lease_duration_seconds: leaseSeconds(request),
      },
    })
    return request.leases.map(({ runId }, index): Leases.Renewal => {
      const lease = leases[index]
      if (lease?.status === "held" && lease.lease_expires_at !== null) {
        const { inbox, lease_expires_at: expiresAt } = lease
        return { _tag: "Renewed", runId, expiresAt, inbox }
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

  return Effect.fnUntraced(function* (request) {
    if (request.leases.length === 0) return []
    if (!(yield* Ref.get(renewsMany))) return yield* renewEach(request)
    return yield* renewAll(request).pipe(
      Effect.catchTag("Refusal", (refusal) =>
        lacks(refusal)
          ? Effect.zipRight(Ref.set(renewsMany, false), renewEach(request))
          : Effect.fail(ControlPlaneErrors.decode("Leases.renew")(refusal)),
      ),
    )
  })
})
