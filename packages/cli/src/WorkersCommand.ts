/**
 * `runlease workers`: who is registered.
 */
import { Command } from "@effect/cli"
import { WorkerRegistry } from "@runlease/core"
import { Console, DateTime, Effect } from "effect"
import * as Output from "./Output.js"
import * as Settings from "./Settings.js"

const instant = (value: DateTime.Utc | null) => (value === null ? null : DateTime.formatIso(value))

const list = Command.make("list", { connection: Settings.connection, json: Settings.json }, (options) =>
  Effect.gen(function* () {
    const registry = yield* WorkerRegistry.WorkerRegistry
    const { items } = yield* registry.list({ limit: 100 })
    const paint = yield* Output.paint
    if (options.json) {
      return yield* Effect.forEach(
        items,
        (worker) =>
          Output.json({
            worker_id: worker.id,
            implementation_kind: worker.implementationKind,
            worker_key: worker.workerKey,
            display_name: worker.displayName,
            status: worker.status,
            last_heartbeat_at: instant(worker.lastHeartbeatAt),
          }),
        { discard: true },
      )
    }
    if (items.length === 0) return yield* Console.log("No workers")
    yield* Console.log(
      Output.table(
        ["WORKER", "KIND", "KEY", "NAME", "STATUS", "LAST HEARTBEAT"],
        items.map((worker) => [
          worker.id,
          worker.implementationKind,
          worker.workerKey,
          worker.displayName ?? "",
          worker.status,
          instant(worker.lastHeartbeatAt) ?? "never",
        ]),
        paint,
      ),
    )
  }).pipe(Settings.withClient(options.connection)),
).pipe(Command.withDescription("List the project's workers, newest heartbeat first, at most 100."))

export const command = Command.make("workers").pipe(
  Command.withDescription("Look at the project's workers."),
  Command.withSubcommands([list]),
)
