/**
 * `runlease workers`: lists the registered workers, drains them, and revokes their tokens.
 */
import { Args, Command, Options } from "@effect/cli"
import { Ids, WorkerMetadata, WorkerRegistry, WorkerState } from "@runlease/core"
import { Console, DateTime, Effect, Option } from "effect"
import * as WorkersInContact from "@runlease/core/WorkersInContact"
import * as ApiClient from "../input/ApiClient.js"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"
import * as Settings from "../input/Settings.js"
import * as WorkerLines from "../output/WorkerLines.js"
import { positional } from "../input/PositionalText.js"

const runsOf = ({ inFlight, metadata }: WorkerRegistry.RegisteredWorker): string => {
  if (inFlight === null) return ""
  const ahead = WorkerMetadata.aheadOf(metadata)
  return ahead === 0 ? String(inFlight) : `${inFlight}, ${ahead} claimed ahead`
}

const colours: Readonly<Record<WorkerState.WorkerState, Parameters<Output.Paint>[0]>> = {
  working: "green",
  idle: "cyan",
  draining: "yellow",
  silent: "red",
  gone: "dim",
}

const list = Command.make("list", { connection: Settings.connection, json: Settings.json }, (options) =>
  Effect.gen(function* () {
    const registry = yield* WorkerRegistry.WorkerRegistry
    const { items } = yield* registry.list({ limit: 100 })
    const paint = yield* Output.paint
    const now = yield* DateTime.now
    if (options.json) {
      return yield* Effect.forEach(items, (worker) => Output.json(WorkerLines.ofWorkerJson(worker, now)), {
        discard: true,
      })
    }
    if (items.length === 0) return yield* Console.log("No workers")
    yield* Console.log(
      Output.table(
        ["WORKER", "KIND", "KEY", "VERSION", "NAME", "STATE", "RUNS", "LAST CONTACT"],
        items.map((worker) => {
          const state = WorkerState.of(worker, now)
          return [
            worker.id,
            worker.implementationKind,
            worker.workerKey,
            worker.version ?? "",
            worker.displayName ?? "",
            paint(colours[state], state),
            runsOf(worker),
            WorkerLines.contact(worker, now),
          ]
        }),
        paint,
      ),
    )
  }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "List the project's workers, newest heartbeat first, at most 100. A worker is working, idle, draining, silent (no contact for one and a half of its heartbeats, 15 s) or gone (ended, or no contact for 5 min).",
  ),
)

const versions = Command.make(
  "versions",
  { connection: Settings.connection, json: Settings.json },
  ({ connection, json }) =>
    Effect.gen(function* () {
      const client = yield* ApiClient.make(connection)
      const path = { project_reference: connection.project }
      const { data } = yield* client.observe.versions({ path })
      if (json) {
        return yield* Effect.forEach(
          data,
          ({ oldest, ...version }) =>
            Output.json({ ...version, oldest: oldest === null ? null : DateTime.formatIso(oldest) }),
          { discard: true },
        )
      }
      if (data.length === 0) return yield* Console.log("No worker is in contact, and no run is pinned")
      const paint = yield* Output.paint
      const now = yield* DateTime.now
      yield* Console.log(
        Output.table(
          ["VERSION", "WORKERS", "RUNS", "PENDING", "WAITING", "OLDEST"],
          data.map(({ leases, oldest, pending, version, waiting, workers }) => [
            version === "" ? "(none)" : version,
            workers === 0 && pending > 0 ? paint("red", "0") : String(workers),
            String(leases),
            String(pending),
            String(waiting),
            oldest === null ? "" : Phrases.between(oldest, now),
          ]),
          paint,
        ),
      )
    }).pipe(ApiClient.provideHttpClient(connection)),
).pipe(
  Describe.command(
    "List the versions of workers: the workers in contact, the runs that they hold, and the pinned runs that are pending and that wait.",
    ["runlease workers versions"],
  ),
)

const revoke = Command.make(
  "revoke",
  {
    connection: Settings.connection,
    json: Settings.json,
    id: positional("worker-id", Ids.WorkerId, "The worker's id, as workers list shows it"),
  },
  ({ connection, id, json }) =>
    Effect.gen(function* () {
      const client = yield* ApiClient.make(connection)
      const { revoked } = yield* client.workers.revokeTokens({ path: { worker_id: id } })
      if (json) return yield* Output.json({ worker_id: id, revoked })
      yield* Console.log(
        revoked === 0
          ? `Worker ${id} has no valid token`
          : `Revoked the tokens of worker ${id}; its runs go to others when their leases lapse`,
      )
    }).pipe(ApiClient.provideHttpClient(connection)),
).pipe(
  Describe.command(
    "Revoke the tokens of a worker, which stops it. To keep it from registering again, revoke its API key too.",
    ["runlease workers revoke WORKER-ID"],
  ),
)

/** Requests it of the workers of a version that are in contact. */
const drainVersion = (version: string, { json, stop }: { readonly json: boolean; readonly stop: boolean }) =>
  Effect.gen(function* () {
    const registry = yield* WorkerRegistry.WorkerRegistry
    const services = yield* Effect.context<WorkerRegistry.WorkerRegistry>()
    const workers = (yield* WorkersInContact.list(services)).filter((worker) => worker.version === version)
    yield* Effect.forEach(workers, ({ id }) => registry.drain(id, !stop), { discard: true })
    if (json) {
      return yield* Effect.forEach(workers, ({ id }) => Output.json({ worker_id: id, drain: !stop }), {
        discard: true,
      })
    }
    yield* Console.log(
      `${Phrases.count(workers.length, "worker")} of version ${version} ${workers.length === 1 ? "claims" : "claim"} ${stop ? "runs again" : "no more runs"}`,
    )
  })

const drain = Command.make(
  "drain",
  {
    connection: Settings.connection,
    json: Settings.json,
    stop: Options.boolean("stop").pipe(Options.withDescription("Let the worker claim again")),
    version: Flag.text("worker-version", WorkerRegistry.Version).pipe(
      Options.withDescription("All workers of this version in contact, in place of one"),
      Options.optional,
    ),
    id: Args.optional(positional("worker-id", Ids.WorkerId, "The worker's id, as workers list shows it")),
  },
  ({ connection, id: named, json, stop, version }) =>
    Effect.gen(function* () {
      const registry = yield* WorkerRegistry.WorkerRegistry
      if (Option.isSome(named) === Option.isSome(version)) {
        return yield* usage("Which workers are to drain is not clear", "Give one id, or --worker-version.")
      }
      if (Option.isSome(version)) return yield* drainVersion(version.value, { json, stop })
      const id = Option.getOrThrow(named)
      const { inFlight } = yield* registry.drain(id, !stop)
      if (json) return yield* Output.json({ worker_id: id, drain: !stop })
      yield* Console.log(
        stop
          ? `Worker ${id} claims runs again`
          : `Worker ${id} claims no more runs${inFlight === null ? "" : `, and finishes the ${inFlight} that it holds`}`,
      )
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command(
    "Request that a worker, or each of a version, claims no more runs. It finishes those that it holds, and its process continues. With --stop it claims again.",
    [
      "runlease workers drain WORKER-ID",
      "runlease workers drain WORKER-ID --stop",
      "runlease workers drain --worker-version 1.4.0",
    ],
  ),
)

export const command = Command.make("workers").pipe(
  Describe.command("Look at the project's workers, and stop them."),
  Command.withSubcommands([list, versions, drain, revoke]),
)
