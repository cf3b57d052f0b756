/**
 * `runlease workers`: lists the registered workers, drains them, and revokes their tokens.
 */
import { Command, Options } from "@effect/cli"
import { Ids, WorkerMetadata, WorkerRegistry, WorkerState } from "@runlease/core"
import { Console, DateTime, Effect } from "effect"
import * as ApiClient from "../input/ApiClient.js"
import * as Describe from "../help/Describe.js"
import * as Output from "../output/Output.js"
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

const drain = Command.make(
  "drain",
  {
    connection: Settings.connection,
    json: Settings.json,
    stop: Options.boolean("stop").pipe(Options.withDescription("Let the worker claim again")),
    id: positional("worker-id", Ids.WorkerId, "The worker's id, as workers list shows it"),
  },
  ({ connection, id, json, stop }) =>
    Effect.gen(function* () {
      const registry = yield* WorkerRegistry.WorkerRegistry
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
    "Request that a worker claims no more runs. It finishes those that it holds, and its process continues. With --stop it claims again.",
    ["runlease workers drain WORKER-ID", "runlease workers drain WORKER-ID --stop"],
  ),
)

export const command = Command.make("workers").pipe(
  Describe.command("Look at the project's workers, and stop them."),
  Command.withSubcommands([list, drain, revoke]),
)
