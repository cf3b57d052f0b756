/** The capabilities of an agent: those that this server has for every agent, and those that its workers declare. */
import { type Ids, WorkerRegistry } from "@runlease/core"
import { Context, Effect, Option, Predicate } from "effect"
import * as ProtocolSchemas from "../../agui/ProtocolSchemas.js"
import type { AgentCapabilities } from "../../Wire/AgentCapabilities.js"
import type { Ports } from "../ProjectPorts.js"

/** True of every agent, whatever executes it. */
const served: AgentCapabilities = {
  transport: {
    streaming: true,
    websocket: false,
    httpBinary: false,
    pushNotifications: false,
    resumable: true,
  },
  humanInTheLoop: { interrupts: true },
}

/** The capabilities that a worker declared when it registered: `metadata.capabilities[agentId]`, if AG-UI accepts them. */
const declaredBy =
  (agentId: Ids.AgentId) =>
  ({ metadata }: WorkerRegistry.RegisteredWorker): Option.Option<AgentCapabilities> => {
    const all = Predicate.isRecord(metadata) ? metadata["capabilities"] : undefined
    const declared = Predicate.isRecord(all) ? all[agentId] : undefined
    const parsed =
      declared === undefined ? undefined : ProtocolSchemas.AgentCapabilitiesSchema.safeParse(declared)
    return parsed?.success === true ? Option.some(parsed.data) : Option.none()
  }

/**
 * The capabilities of an agent, by the words of the worker that was heard from last of those that say any. How it is
 * reached is not for a worker to say.
 */
export const of = (
  agentId: Ids.AgentId,
  workers: ReadonlyArray<WorkerRegistry.RegisteredWorker>,
): AgentCapabilities => {
  const declared = workers.map(declaredBy(agentId)).find(Option.isSome)?.value ?? {}
  return {
    ...declared,
    identity: { name: agentId, ...declared.identity },
    transport: served.transport,
    humanInTheLoop: { ...declared.humanInTheLoop, ...served.humanInTheLoop },
  }
}

/** The capabilities of an agent, by the workers that its project has. */
export const ofAgent = (ports: Ports, agentId: Ids.AgentId) =>
  Effect.map(Context.get(ports, WorkerRegistry.WorkerRegistry).list({ limit: 100 }), ({ items }) =>
    of(agentId, items),
  )
