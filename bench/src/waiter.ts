/** Claims over the network that wait for runs of an agent that has none, each of a worker of its own. */
import { NodeRuntime } from "@effect/platform-node"
import { Claims, Ids, WorkerRegistry } from "@runlease/core"
import { Context, Effect } from "effect"
import * as Child from "./Child.js"
import * as Stores from "./Stores.js"

/** Registers so many workers, and sends their claims. */
export type Calls = { readonly wait: { readonly input: number; readonly output: null } }

Effect.gen(function* () {
  const ports = yield* Stores.client(Child.options<Stores.Served>())
  const registry = Context.get(ports, WorkerRegistry.WorkerRegistry)
  const { claim } = Context.get(ports, Claims.Claims)
  let registered = 0
  const register = Effect.suspend(() =>
    registry.register({ implementationKind: "bench", workerKey: `waiter-${registered++}` }),
  )
  return yield* Child.serve<Calls>(null, {
    wait: (count) =>
      Effect.gen(function* () {
        const workers = yield* Effect.replicateEffect(register, count)
        const agentIds = [Ids.AgentId.make("absent")]
        yield* Effect.forEach(workers, ({ id }) =>
          Effect.forkDaemon(
            claim({ workerId: id, limit: 1, leaseDuration: "60 seconds", wait: "30 seconds", agentIds }),
          ),
        )
        return null
      }),
  })
}).pipe(Effect.scoped, NodeRuntime.runMain)
