/**
 * The permissions of a caller, and the worker that it acts for.
 *
 * @since 0.1.0
 */
import { Access, type Ids, Run, Runs } from "@runlease/core"
import { type RunToken } from "@runlease/core/store"
import { Context, Effect } from "effect"
import { epochHeader, type Fence, workerHeader } from "../Api/Fence.js"
import { CurrentPrincipal } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import { ProjectPortsCache, type Ports } from "./ProjectPortsCache.js"

const forbidden = (detail: string) => Refusal.make(403, "forbidden", detail)

const ofRun = forbidden(
  "The token of a run is not enough for this: it may append to its run, tell it messages and spawn its children",
)

/** The caller, when it is an API key. */
export const apiKey = Effect.flatMap(CurrentPrincipal, (principal) => {
  switch (principal._tag) {
    case "ApiKey":
      return Effect.succeed(principal)
    case "Worker":
      return Effect.fail(forbidden("A worker token is not enough for this; use an API key"))
    case "Run":
      return Effect.fail(ofRun)
  }
})

/** The caller, when it is an admin key. */
export const admin = Effect.filterOrFail(
  apiKey,
  (key) => key.admin,
  () => forbidden("Only an admin key may do this"),
)

const portsOf = (projectId: Ids.ProjectId) =>
  Effect.map(ProjectPortsCache, (projects) => projects.ports(projectId))

/** The ports of an API key's project. */
export const ports: Effect.Effect<Ports, Refusal.Refusal, CurrentPrincipal | ProjectPortsCache> =
  Effect.flatMap(apiKey, (key) => portsOf(key.projectId))

/** The ports of the named project, which must be the API key's own; another's does not exist for it. */
export const project = Effect.fnUntraced(function* (reference: string) {
  const key = yield* apiKey
  const access = yield* Access.Access
  const found = yield* access.getProject(reference).pipe(
    Effect.catchTag("ProjectNotFound", () => Effect.succeed(undefined)),
    Effect.mapError(Verdicts.encode),
  )
  if (found?.id !== key.projectId) {
    const own = yield* Effect.mapError(access.getProject(key.projectId), Verdicts.encode)
    return yield* Refusal.make(
      404,
      "project_not_found",
      `Project ${reference} does not exist for this key, which is for project ${own.slug}`,
      { field: "project_reference" },
    )
  }
  return { ports: yield* portsOf(found.id), projectId: found.id, keyId: key.keyId }
})

/** The ports for the endpoints of one worker: its own token, or an API key of its project. */
export const worker = Effect.fnUntraced(function* (workerId: Ids.WorkerId) {
  const principal = yield* CurrentPrincipal
  if (principal._tag === "Run") return yield* ofRun
  if (principal._tag === "Worker" && principal.workerId !== workerId.toLowerCase()) {
    return yield* forbidden("This token belongs to another worker")
  }
  return yield* portsOf(principal.projectId)
})

/** The ports of the project of an API key or of a worker. */
export const keyOrWorker = Effect.flatMap(CurrentPrincipal, (principal) =>
  principal._tag === "Run" ? Effect.fail(ofRun) : portsOf(principal.projectId),
)

/** What the program of a run may use: the ports of its project, and the lease that its token names. */
export interface Program {
  readonly ports: Ports
  readonly lease: RunToken.NamedLease
}

/**
 * The caller as the program of a run, where it is one. Another run than its own is forbidden, whether or not there is one of that id.
 *
 * @since 0.1.0
 * @category fencing
 */
export const program = Effect.fnUntraced(function* (path: {
  readonly run_id: Ids.RunId
  readonly worker_id?: Ids.WorkerId
}) {
  const principal = yield* CurrentPrincipal
  if (principal._tag !== "Run") return undefined
  const { lease, projectId } = principal
  const { run_id, worker_id = lease.workerId } = path
  if (run_id !== lease.runId || worker_id.toLowerCase() !== lease.workerId) {
    return yield* forbidden("This token belongs to another run")
  }
  return { lease, ports: yield* portsOf(projectId) } satisfies Program
})

/** The epoch that the request names, when it does. */
const epochOf = (headers: Fence): Run.LeaseEpoch | null => {
  const epoch = headers[epochHeader]
  return epoch === undefined ? null : Run.LeaseEpoch.make(epoch)
}

/** The lease that the path and the headers of a worker's request name. */
export const leaseOf = (
  path: { readonly run_id: Ids.RunId; readonly worker_id: Ids.WorkerId },
  headers: Fence,
): Run.LeaseRef => ({ runId: path.run_id, workerId: path.worker_id, epoch: epochOf(headers) })

/**
 * The lease that a request stands on. A worker must hold the run; an API key is trusted unless it names an epoch or a
 * worker. An epoch alone must be that of the run, and is checked again, with its owner, by the port.
 *
 * @since 0.1.0
 * @category fencing
 */
export const fence = Effect.fnUntraced(function* (ports: Ports, runId: Ids.RunId, headers: Fence) {
  const principal = yield* CurrentPrincipal
  const epoch = epochOf(headers)
  const workerId = principal._tag === "Worker" ? principal.workerId : headers[workerHeader]
  if (workerId !== undefined) return { workerId, epoch }
  if (epoch === null) return undefined
  const run = yield* Context.get(ports, Runs.Runs).get(runId)
  if (run.leaseEpoch !== epoch || (run.lease === null && !Run.isTerminal(run.status))) {
    return yield* Refusal.make(403, "lease_lost", `Epoch ${epoch} does not hold the lease of run ${runId}`)
  }
  return run.lease === null ? undefined : { workerId: run.lease.owner, epoch }
})
