/**
 * `runlease worker`: claims runs and executes them.
 */
import { hostname } from "node:os"
import { Command, Options } from "@effect/cli"
import {
  Claims,
  type ControlPlane,
  ControlPlaneUnavailable,
  Executor,
  Ids,
  Worker,
  type WorkerEvent,
  type WorkerOptions,
  WorkerRegistry,
  WorkerState,
} from "@runlease/core"
import {
  Chunk,
  Clock,
  Config,
  Console,
  DateTime,
  Duration,
  Effect,
  Fiber,
  Layer,
  Option,
  Stream,
} from "effect"
import * as AgentsModule from "../demo/AgentsModule.js"
import type { ExecutorLayer } from "../executors/ExecutorFlag.js"
import * as ExecutorFlags from "../executors/ExecutorFlags.js"
import { Forms, OwnModules } from "../executors/Module.js"
import * as Describe from "../help/Describe.js"
import * as Overview from "../help/Overview.js"
import * as Flag from "../input/Flag.js"
import * as Settings from "../input/Settings.js"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as WorkerLines from "../output/WorkerLines.js"
import * as MetricsListener from "../telemetry/MetricsListener.js"
import * as Telemetry from "../telemetry/Telemetry.js"

const isAlive = (state: WorkerState.WorkerState): boolean => state === "working" || state === "idle"

/**
 * Fails when a worker of that kind, key and version is alive and not draining. Waits while the control plane is unavailable. The second process with
 * one key evicts the first, so it needs `--take-over`.
 */
const refuse = Effect.fnUntraced(function* (kind: string, key: string, version: string | null) {
  const registry = yield* WorkerRegistry.WorkerRegistry
  const now = yield* DateTime.now
  // Reads every page: workers are listed by newest heartbeat, and one that registered a moment ago has none, so it is last.
  const alive = yield* Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
    Effect.map(
      registry.list({ limit: 100, cursor }),
      ({ items, next }) => [Chunk.unsafeFromArray(items), Option.fromNullable(next)] as const,
    ),
  ).pipe(
    Stream.filter(
      (worker) =>
        worker.implementationKind === kind &&
        worker.workerKey === key &&
        worker.version === version &&
        isAlive(WorkerState.of(worker, now)),
    ),
    Stream.runHead,
    Effect.tapErrorTag("ControlPlaneUnavailable", ({ message, retryable }) =>
      retryable ? Effect.logWarning(`${message}; trying again`) : Effect.void,
    ),
    ControlPlaneUnavailable.untilAvailable(ControlPlaneUnavailable.backoff("200 millis", "5 seconds")),
  )
  if (Option.isNone(alive)) return
  const worker = alive.value
  return yield* new CommandFailure({
    message: `The worker with key ${key} is ${WorkerState.of(worker, now)}: ${worker.id}, last in contact ${WorkerLines.contact(worker, now)}`,
    hint: "End it first, give this one another --key, or start it with --take-over. A worker that was killed counts as alive until its next heartbeat is late, for 15 s.",
    exitCode: ExitCode.error,
  })
})

/** Which runs a worker claims, and how. */
export const claiming = Describe.grouped("Claiming", {
  agent: Flag.texts("agent", Ids.AgentId).pipe(
    Options.withDescription("Claim only this agent's runs, repeatable; any agent's when absent"),
  ),
  concurrency: Flag.whole("concurrency", {
    minimum: 1,
    maximum: 10_000,
    setting: "RUNLEASE_CONCURRENCY",
  }).pipe(Options.withDescription("How many runs to work on at once"), Options.withDefault(10)),
  claimAhead: Flag.whole("claim-ahead", {
    minimum: 0,
    maximum: Claims.maxClaim,
    setting: "RUNLEASE_CLAIM_AHEAD",
  }).pipe(
    Options.withDescription(
      "How many runs may wait at this worker for a slot, a second at most, so that quick runs do not wait for a claim each; three times --concurrency when absent, and 0 claims for free slots alone",
    ),
    Options.optional,
  ),
  lease: Flag.duration("lease", {
    minimum: "5 seconds",
    maximum: "300 seconds",
    setting: "RUNLEASE_LEASE",
  }).pipe(
    Options.withDescription("How long a lease lasts, 5s to 300s: what a crash costs at most"),
    Options.withDefault(Duration.seconds(60)),
  ),
  stallLimit: Flag.duration("stall-limit", {
    minimum: 0,
    maximum: "1 days",
    setting: "RUNLEASE_STALL_LIMIT",
  }).pipe(
    Options.withDescription(
      "How long an executor may block the event loop before its leases lapse, a lease at least; twice the lease and a minute at least when absent. 0s renews on the event loop itself",
    ),
    Options.optional,
  ),
  timeout: Flag.duration("timeout", { minimum: "1 millis", maximum: "30 days" }).pipe(
    Options.withDescription("Fail a run that takes longer than this; no limit when absent"),
    Options.optional,
  ),
  drainTimeout: Flag.duration("drain-timeout", { minimum: 0, maximum: "1 days" }).pipe(
    Options.withDescription("How long runs may go on after SIGTERM before they are handed back"),
    Options.withDefault(Duration.seconds(10)),
  ),
})

const options = {
  executor: ExecutorFlags.options,
  ...claiming,
  ...Describe.grouped("This worker", {
    kind: Flag.text("kind", WorkerRegistry.Registration.fields.implementationKind).pipe(
      Options.withDescription("This worker's implementation kind; runs may require one"),
      Options.withDefault("runlease"),
    ),
    key: Flag.text("key", WorkerRegistry.Registration.fields.workerKey).pipe(
      Options.withDescription("This worker's key, the same over restarts; host and process when absent"),
      Options.optional,
    ),
    workerVersion: Flag.text("worker-version", WorkerRegistry.Version).pipe(
      Options.withFallbackConfig(Config.nonEmptyString("RUNLEASE_VERSION")),
      Options.withDescription("The version of its code, for pinned runs"),
      Options.optional,
    ),
    takeOver: Options.boolean("take-over").pipe(
      Options.withDescription("Start with --key although a worker with that key lives, which evicts it"),
    ),
    name: Flag.text("name", Ids.visibleText(128)).pipe(
      Options.withDescription("A name for people"),
      Options.optional,
    ),
    json: Settings.json,
  }),
  ...Describe.grouped("Telemetry", {
    metricsPort: Flag.whole("metrics-port", {
      minimum: 0,
      maximum: 65_535,
      setting: "RUNLEASE_METRICS_PORT",
    }).pipe(
      Options.withDescription(
        "Answer GET /metrics, /healthz and /readyz on this port, for Prometheus and probes",
      ),
      Options.optional,
    ),
    metricsHost: Options.text("metrics-host").pipe(
      Options.withDescription("The address of that port"),
      Options.withFallbackConfig(Config.nonEmptyString("RUNLEASE_METRICS_HOST")),
      Options.withDefault("127.0.0.1"),
    ),
    logFormat: Telemetry.logFormat,
  }),
  connection: Settings.connection,
  rest: ExecutorFlags.args,
}

const withTimeout = (executor: ExecutorLayer, timeout: Option.Option<Duration.Duration>): ExecutorLayer =>
  Option.match(timeout, {
    onNone: () => executor,
    onSome: (limit) =>
      Layer.unwrapEffect(
        Effect.map(Executor.current, (execute) => Executor.layerWith(Executor.timeout(limit)(execute))),
      ).pipe(Layer.provideMerge(executor)),
  })

/** A worker key of this host and process. Worker keys allow only these characters. */
const processKey = Effect.sync(() =>
  `${hostname().replaceAll(/[^a-zA-Z0-9_.:-]/g, "-")}:${process.pid}`.slice(-128),
)

/** Starts a worker and prints its events until it fails; drains it when interrupted. */
const work = (
  workerOptions: WorkerOptions.WorkerOptions,
  print: (event: WorkerEvent.WorkerEvent) => Effect.Effect<void>,
  probes: MetricsListener.Probes,
): Effect.Effect<never, Worker.WorkerError, Executor.Executor | ControlPlane.ProjectPorts> =>
  Effect.scoped(
    Effect.gen(function* () {
      const forms = yield* Forms
      const outer = yield* Effect.scope
      let printing: Fiber.Fiber<void> | undefined
      // Whenever it is interrupted, the worker drains. The drain has events too, so their printing ends after it.
      return yield* Effect.gen(function* () {
        const worker = yield* Worker.make({
          ...workerOptions,
          ...(Object.keys(forms).length === 0 ? {} : { forms }),
        })
        printing = yield* Effect.forkIn(Stream.runForEach(worker.events, print), outer)
        yield* probes.follow(worker)
        return yield* worker.failed
      }).pipe(
        Effect.scoped,
        Effect.ensuring(Effect.suspend(() => (printing === undefined ? Effect.void : Fiber.await(printing)))),
        Effect.ensuring(probes.forget),
      )
    }),
  )

/** The module of the demonstration, whose workers would compile all that it imports. */
const ownModules = new Map([[AgentsModule.path, AgentsModule.load]])

export const command = Command.make(
  "worker",
  options,
  Effect.fnUntraced(function* (parsed) {
    const executor = withTimeout(
      yield* Effect.provideService(
        ExecutorFlags.executorOf(parsed.executor, parsed.rest),
        OwnModules,
        ownModules,
      ),
      parsed.timeout,
    )
    const paint = yield* Output.paint
    const isJson = parsed.json || parsed.logFormat === "json"
    const lineOf = (time: Date, text: string, fields: Record<string, unknown>) =>
      isJson
        ? JSON.stringify({ time: time.toISOString(), ...fields })
        : `${paint("dim", time.toTimeString().slice(0, 8))}  ${text}`
    const print = (event: WorkerEvent.WorkerEvent) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Console.log(lineOf(new Date(now), WorkerLines.toText(event, paint), WorkerLines.toJson(event))),
      )
    const workerOptions: WorkerOptions.WorkerOptions = {
      implementationKind: parsed.kind,
      workerKey: Option.getOrElse(parsed.key, () => undefined) ?? (yield* processKey),
      displayName: Option.getOrUndefined(parsed.name),
      version: Option.getOrUndefined(parsed.workerVersion),
      program: Overview.version,
      concurrency: parsed.concurrency,
      claimAhead: Option.getOrUndefined(parsed.claimAhead),
      agentIds: parsed.agent,
      leaseDuration: parsed.lease,
      drainTimeout: parsed.drainTimeout,
      // The program gets `grace` to end; on a busy machine its guard needs more to find and end its processes.
      interruptGrace: Duration.sum(parsed.executor.grace, "10 seconds"),
    }
    const refuseDuplicate =
      Option.isSome(parsed.key) && !parsed.takeOver
        ? refuse(parsed.kind, parsed.key.value, Option.getOrNull(parsed.workerVersion))
        : Effect.void
    const { layer: exporting } = yield* Telemetry.make({
      service: "runlease-worker",
      logFormat: parsed.logFormat,
      scraped: Option.isSome(parsed.metricsPort),
    })
    const probes = yield* MetricsListener.make
    const listener = Option.match(parsed.metricsPort, {
      onNone: () => Layer.empty,
      onSome: (port) => MetricsListener.layer({ host: parsed.metricsHost, port }, probes),
    })
    return yield* Effect.zipRight(refuseDuplicate, work(workerOptions, print, probes)).pipe(
      Effect.tapErrorTag("WorkerNotFound", (error) => Effect.logWarning(error.message)),
      Effect.retry({ while: (error) => error._tag === "WorkerNotFound" }),
      Effect.provide(executor),
      Effect.provide(
        Option.exists(parsed.stallLimit, (limit) => Duration.equals(limit, Duration.zero))
          ? Settings.client(parsed.connection)
          : Settings.workerClient(parsed.connection, {
              stallLimit: Option.getOrUndefined(parsed.stallLimit),
              logFormat: parsed.logFormat === "json" ? "json" : "logfmt",
            }),
      ),
      Effect.provide(listener),
      WorkerLines.printed((line) =>
        lineOf(line.time, WorkerLines.ofStderr(line, paint), WorkerLines.ofStderrJson(line)),
      ),
      // `printed` wraps the loggers of `exporting`, so these are provided around it.
      Effect.provide(exporting),
    )
  }),
).pipe(
  Describe.command(
    "Claim runs and work on them until SIGTERM, which lets runs finish for a while and hands back the rest. Give one of --command, --module, --model, --acp, --ag-ui and --a2a.",
    [
      "runlease worker --command python3 -- agent.py --fast",
      "runlease worker --module ./my-worker.ts --agent echo",
      'runlease worker --acp "opencode acp" --worktree-of .',
    ],
  ),
)
