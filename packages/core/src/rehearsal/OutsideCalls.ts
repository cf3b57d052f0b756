/**
 * Calls to the outside, which are refused in a rehearsal: by an `HttpClient` of the executor's layer, by `fetch`, and by a port of the control
 * plane that changes something. A refused call never returns, so the code does nothing that it would not do after an answer.
 */
import { Context, Effect, type Layer, Predicate, type Scope } from "effect"
import { Claims } from "../ports/Claims.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import { Conversations } from "../ports/Conversations.js"
import { Leases } from "../ports/Leases.js"
import { Limits } from "../ports/Limits.js"
import { RunLog } from "../ports/RunLog.js"
import { Runs } from "../ports/Runs.js"
import { WorkerRegistry } from "../ports/WorkerRegistry.js"
import * as ReplacedClients from "./ReplacedClients.js"

export interface OutsideCalls {
  /** Records a call, such as `GET https://example.com/orders`. */
  readonly record: (call: string) => void

  /** The calls since the last take. */
  readonly take: () => ReadonlyArray<string>

  /** How many calls were recorded since the last take. */
  readonly count: () => number
}

const make = (): OutsideCalls => {
  let calls: Array<string> = []
  return {
    record: (call) => calls.push(call),
    take: () => {
      const used = calls
      calls = []
      return used
    },
    count: () => calls.length,
  }
}

/** Builds the layer of an executor, whose clients refuse their requests. */
export const build = <A, E>(
  layer: Layer.Layer<A, E>,
  { record }: OutsideCalls,
): Effect.Effect<Context.Context<A>, E, Scope.Scope> =>
  ReplacedClients.build(layer, (request) =>
    Effect.suspend(() => {
      record(ReplacedClients.shown(request))
      return Effect.never
    }),
  )

/** Refuses `fetch` in this process until the Scope closes. */
export const refuseFetch: Effect.Effect<OutsideCalls, never, Scope.Scope> = Effect.suspend(() => {
  const calls = make()
  return Effect.as(
    ReplacedClients.replaceFetch((request) => {
      calls.record(ReplacedClients.shown(request))
      return new Promise(() => {})
    }),
    calls,
  )
})

/** What a port has besides reads is refused. */
const readOnly = <Port extends object>(
  name: string,
  port: Port,
  reads: ReadonlyArray<keyof Port>,
  { record }: OutsideCalls,
): Port =>
  Object.fromEntries(
    Object.entries(port).map(([method, call]) => {
      if (reads.includes(method as keyof Port)) return [method, call]
      const refused = Effect.suspend(() => {
        record(`${name}.${method}`)
        return Effect.never
      })
      return [method, Predicate.isFunction(call) ? () => refused : refused]
    }),
  ) as Port

/** The ports of a project, which read and change nothing. */
export const readOnlyPorts = (
  ports: Context.Context<ProjectPorts>,
  calls: OutsideCalls,
): Context.Context<ProjectPorts> =>
  Context.make(Claims, readOnly("Claims", Context.get(ports, Claims), [], calls)).pipe(
    Context.add(
      Conversations,
      readOnly("Conversations", Context.get(ports, Conversations), ["get", "list", "messages"], calls),
    ),
    Context.add(Leases, readOnly("Leases", Context.get(ports, Leases), [], calls)),
    Context.add(Limits, readOnly("Limits", Context.get(ports, Limits), ["get", "list"], calls)),
    Context.add(RunLog, readOnly("RunLog", Context.get(ports, RunLog), ["read", "follow", "reader"], calls)),
    Context.add(
      Runs,
      readOnly("Runs", Context.get(ports, Runs), ["get", "snapshot", "list", "inputs"], calls),
    ),
    Context.add(
      WorkerRegistry,
      readOnly("WorkerRegistry", Context.get(ports, WorkerRegistry), ["list"], calls),
    ),
  )
