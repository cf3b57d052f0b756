/** Tokens that one server has found valid, and their end by another. */
import { Access, type ControlPlane, WorkerRegistry } from "@runlease/core"
import { Context, Effect, Option, type Redacted } from "effect"

type Plane = Context.Context<Access.Access | ControlPlane.StorePorts>

/** The token of a key, and that of a worker which the key registered. Whether they are valid, by `here`, and their end, by `there`. */
export const tokens = Effect.fnUntraced(function* (here: Plane, there: Plane) {
  const access = Context.get(there, Access.Access)
  const { id: projectId } = yield* access.getProject("default")
  const registry = Context.get(there, WorkerRegistry.WorkerRegistry)
  const worker = yield* registry.register({ implementationKind: "kind", workerKey: "key" })
  const { key, token } = yield* access.createKey({ projectId, name: "key" })
  const ofWorker = yield* access.issueWorkerToken({ projectId, workerId: worker.id, issuedBy: key.id })
  const isValid = (presented: Redacted.Redacted) =>
    Effect.map(Context.get(here, Access.Access).authenticate(presented), Option.isSome)
  return {
    ofKey: isValid(token),
    ofWorker: isValid(ofWorker),
    revoke: access.revokeKey(projectId, key.id),
  }
})
