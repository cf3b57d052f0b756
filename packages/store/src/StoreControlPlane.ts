/**
 * The control plane over the parts of a store: what an author of a store writes, and the ports that are made of it.
 *
 * Source: docs/writing-a-store.md
 */
import { Access } from "@runlease/core/Access"
import * as ControlPlane from "@runlease/core/ControlPlane"
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import { Conversations } from "@runlease/core/Conversations"
import type * as Ids from "@runlease/core/Ids"
import { RefusedRows } from "@runlease/core/RefusedRows"
import { type Secrets, SecretsUnavailable } from "@runlease/core/Secrets"
import { Statistics } from "@runlease/core/Statistics"
import { Summaries } from "@runlease/core/Summaries"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Context, Effect, Layer, type Scope } from "effect"
import * as RunCommits from "./commit/RunCommits.js"
import * as Wakeups from "./commit/Wakeups.js"
import * as StatisticsReads from "./observe/StatisticsReads.js"
import * as SummaryReads from "./observe/SummaryReads.js"
import * as RunPorts from "./operations/RunPorts.js"
import * as StoreWebhooks from "./operations/StoreWebhooks.js"
import * as StoreWebhookSources from "./operations/StoreWebhookSources.js"
import * as Sweeper from "./operations/Sweeper.js"
import * as Sealing from "./operations/Sealing.js"
import * as TokenCache from "./operations/TokenCache.js"
import type { RunStore } from "./rows/RunStore.js"

/**
 * The parts of a store. `X` is the failure of its rows. Project `default` is there from the start.
 */
export interface Parts<X> extends Pick<ControlPlane.ControlPlane["Type"], "prune" | "ready"> {
  /** The rows of runs. */
  readonly runs: RunStore<X>
  readonly access: Access["Type"]
  readonly registry: (projectId: Ids.ProjectId) => WorkerRegistry["Type"]
  readonly conversations: (projectId: Ids.ProjectId) => Conversations["Type"]
  /** The rows of the outbox that became no run. Absent where the store has no outbox. */
  readonly refusedRows?: ((projectId: Ids.ProjectId) => RefusedRows["Type"]) | undefined
  /** Seals secrets. Absent where the store has no key for them: then what needs a secret is refused. */
  readonly secrets?: Secrets["Type"] | undefined
}

const withoutKey = Sealing.make(
  new SecretsUnavailable({
    message: `This server has no key to seal secrets with; set ${Sealing.variable} to 32 bytes in base64, as \`openssl rand -base64 32\` prints them, the same on each server`,
  }),
)

/** Those of a store without an outbox. */
const noRows: RefusedRows["Type"] = {
  list: () => Effect.succeed({ items: [], next: null }),
  retry: () => Effect.succeed(0),
  discard: () => Effect.succeed(0),
}

/** The services of a control plane, and those of its project `default`. */
export type Ports = ControlPlane.ControlPlane | Access | ControlPlane.StorePorts

/**
 * The control plane over the parts of a store, whose commits are `commits`. What is due is done as long as the Scope is open.
 */
export const make = Effect.fnUntraced(function* <X>(
  { access, conversations, prune, ready, refusedRows, registry, runs, secrets = withoutKey }: Parts<X>,
  commits: RunCommits.RunCommits<X>,
  wakeups: Wakeups.Wakeups,
): Effect.fn.Return<Context.Context<ControlPlane.ControlPlane | Access>, never, Scope.Scope> {
  const runPorts = yield* RunPorts.make(runs, commits, wakeups, { access, secrets })
  yield* Effect.forkScoped(Sweeper.run(runs, commits, wakeups))
  const controlPlane = Context.make(ControlPlane.ControlPlane, {
    project: (projectId) => {
      const workers = registry(projectId)
      return runPorts(projectId).pipe(
        Context.add(Conversations, conversations(projectId)),
        Context.add(RefusedRows, refusedRows?.(projectId) ?? noRows),
        Context.add(WorkerRegistry, workers),
        Context.add(Statistics, StatisticsReads.ofProject(runs, projectId)),
        Context.add(Summaries, SummaryReads.ofProject(runs, projectId, workers)),
      )
    },
    prune,
    ready,
    secrets,
    deliveries: StoreWebhooks.queue(runs, commits, wakeups),
    openSource: StoreWebhookSources.open(runs, secrets),
  })
  return ControlPlane.traced(Context.add(controlPlane, Access, TokenCache.remembering(access, wakeups)))
})

/**
 * A control plane, and the ports of its project `default`.
 */
export const layerOf = <E extends ControlPlaneError, R>(
  constructed: Effect.Effect<Context.Context<ControlPlane.ControlPlane | Access>, E, R>,
): Layer.Layer<Ports, E | ControlPlaneError, Exclude<R, Scope.Scope>> =>
  ControlPlane.layerProject().pipe(
    Layer.catchAll((error) => (error._tag === "ProjectNotFound" ? Layer.die(error) : Layer.fail(error))),
    Layer.provideMerge(Layer.scopedContext(constructed)),
  )

/**
 * The control plane of a store, and the ports of its project `default`. `parts` makes the parts, and wakes what waits by `wakeups`.
 */
export const layer = <X, E extends ControlPlaneError, R>(
  parts: (wakeups: Wakeups.Wakeups) => Effect.Effect<Parts<X>, E, R>,
): Layer.Layer<Ports, E | ControlPlaneError, Exclude<R, Scope.Scope>> =>
  layerOf(
    Effect.gen(function* () {
      const wakeups = yield* Wakeups.make
      const made = yield* parts(wakeups)
      const commits = yield* RunCommits.make(made.runs, wakeups)
      return yield* make(made, commits, wakeups)
    }),
  )
