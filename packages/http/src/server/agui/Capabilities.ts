/**
 * What an agent can do: what this server does for every agent, and what its workers say of it.
 *
 * @since 0.1.0
 */
import { AgentCapabilitiesSchema } from "@ag-ui/core/schemas"
import { type Ids, type WorkerRegistry } from "@runlease/core"
import { Option, Predicate } from "effect"
import type { AgentCapabilities } from "../../Wire/AgentCapabilities.js"

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

/** What a worker says of an agent when it registers: `metadata.capabilities[agentId]`, if that is what AG-UI takes. */
const saidOf =
  (agentId: Ids.AgentId) =>
  ({ metadata }: WorkerRegistry.RegisteredWorker): Option.Option<AgentCapabilities> => {
    const all = Predicate.isRecord(metadata) ? metadata["capabilities"] : undefined
    const said = Predicate.isRecord(all) ? all[agentId] : undefined
    const parsed = said === undefined ? undefined : AgentCapabilitiesSchema.safeParse(said)
    return parsed?.success === true ? Option.some(parsed.data) : Option.none()
  }

/**
 * The capabilities of an agent, by the words of the worker that was heard from last of those that say any. How it is
 * reached is not for a worker to say.
 *
 * @since 0.1.0
 * @category capabilities
 */
export const of = (
  agentId: Ids.AgentId,
  workers: ReadonlyArray<WorkerRegistry.RegisteredWorker>,
): AgentCapabilities => {
  const said = workers.map(saidOf(agentId)).find(Option.isSome)?.value ?? {}
  return {
    ...said,
    identity: { name: agentId, ...said.identity },
    transport: served.transport,
    humanInTheLoop: { ...said.humanInTheLoop, ...served.humanInTheLoop },
  }
}
