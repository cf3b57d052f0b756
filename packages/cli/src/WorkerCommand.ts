/**
 * `runlease worker`: claims runs and works on them, with a program or with a module.
 */
import { Args, Command, Options } from "@effect/cli"
import { type ControlPlane, type Executor, Executors, Worker, type WorkerOptions } from "@runlease/core"
import { CommandExecutor } from "@runlease/executor-command"
import { Clock, Console, Duration, Effect, Fiber, HashMap, Layer, Option, Scope, Stream } from "effect"
import { hostname } from "node:os"
import { usage } from "./ExitCode.js"
import * as Flag from "./Flag.js"
import * as ModuleExecutor from "./ModuleExecutor.js"
import * as Output from "./Output.js"
import * as Settings from "./Settings.js"
import * as WorkerLines from "./WorkerLines.js"

const options = {
  connection: Settings.connection,
  command: Options.text("command").pipe(
    Options.withDescription("The program that works on a run: request on stdin, events or text on stdout"),
    Options.optional,
  ),
  arg: Options.text("arg").pipe(
    Options.withDescription("An argument of the program, repeatable; or put them all after --"),
    Options.repeated,
  ),
  module: Options.text("module").pipe(
    Options.withDescription(
      "Instead of a program: a JavaScript or TypeScript module that exports an executor",
    ),
    Options.optional,
  ),
  agent: Options.text("agent").pipe(
    Options.withDescription("Claim only this agent's runs, repeatable; any agent's when absent"),
    Options.repeated,
  ),
  concurrency: Flag.whole("concurrency", {
    minimum: 1,
    maximum: 10_000,
    setting: "RUNLEASE_CONCURRENCY",
  }).pipe(
    Options.withDescription("How many runs to work on at once (RUNLEASE_CONCURRENCY)"),
    Options.withDefault(10),
  ),
  lease: Flag.duration("lease", {
    minimum: "5 seconds",
    maximum: "300 seconds",
    setting: "RUNLEASE_LEASE",
  }).pipe(
    Options.withDescription(
      "How long a lease lasts, 5s to 300s: what a crash costs at most (RUNLEASE_LEASE)",
    ),
    Options.withDefault(Duration.seconds(60)),
  ),
  timeout: Flag.duration("timeout", { minimum: "1 millis", maximum: "30 days" }).pipe(
    Options.withDescription("Fail a run that takes longer than this; no limit when absent"),
    Options.optional,
  ),
  drainTimeout: Flag.duration("drain-timeout", { minimum: 0, maximum: "1 days" }).pipe(
    Options.withDescription("How long runs may go on after SIGTERM before they are handed back"),
    Options.withDefault(Duration.seconds(10)),
  ),
  grace: Flag.duration("grace", { minimum: 0, maximum: "1 hours" }).pipe(
    Options.withDescription("How long an interrupted program has between TERM and KILL"),
    Options.withDefault(Duration.seconds(5)),
  ),
  kind: Options.text("kind").pipe(
    Options.withDescription("This worker's implementation kind; runs may ask for one"),
    Options.withDefault("runlease"),
  ),
  key: Options.text("key").pipe(
    Options.withDescription("This worker's key, kept over restarts; host and process when absent"),
    Options.optional,
  ),
  name: Options.text("name").pipe(Options.withDescription("A name for people"), Options.optional),
  workRoot: Options.text("work-root").pipe(
    Options.withDescription("The folder under which each run gets a working folder of its own"),
    Options.optional,
  ),
  env: Options.keyValueMap("env").pipe(
    Options.withDescription("A variable for the program, NAME=VALUE, repeatable"),
    Options.optional,
  ),
  passEnv: Options.text("pass-env").pipe(
    Options.withDescription("A further variable of this environment that the program sees, repeatable"),
    Options.repeated,
  ),
  format: Options.choice("format", ["auto", "events", "text"]).pipe(
    Options.withDescription(
      "How to read its stdout: auto takes JSON lines with a type as events, others as text",
    ),
    Options.withDefault("auto" as const),
  ),
  json: Settings.json,
  rest: Args.text({ name: "argument" }).pipe(
    Args.withDescription("Arguments of the program, after --"),
    Args.repeated,
  ),
}

type Parsed = Command.Command.ParseConfig<typeof options>

/** The executor that the flags describe. */
const executorOf = (parsed: Parsed): Effect.Effect<Layer.Layer<Executor.Executor>, unknown> => {
  if (Option.isSome(parsed.command) && Option.isSome(parsed.module)) {
    return Effect.fail(usage("--command and --module exclude each other"))
  }
  if (Option.isSome(parsed.module)) return ModuleExecutor.load(parsed.module.value)
  if (Option.isNone(parsed.command)) {
    return Effect.fail(
      usage(
        "Nothing says how to work on a run",
        "Give --command PROGRAM or --module ./my-worker.ts; see runlease worker --help.",
      ),
    )
  }
  return Effect.succeed(
    CommandExecutor.layer({
      command: parsed.command.value,
      args: [...parsed.arg, ...parsed.rest],
      env: Option.match(parsed.env, {
        onNone: () => ({}),
        onSome: (variables) => Object.fromEntries(HashMap.toEntries(variables)),
      }),
      passEnv: [...CommandExecutor.defaultPassEnv, ...parsed.passEnv],
      format: parsed.format,
      killAfter: parsed.grace,
      ...(Option.isSome(parsed.workRoot) ? { workRoot: parsed.workRoot.value } : {}),
    }),
  )
}

const withTimeout = (
  executor: Layer.Layer<Executor.Executor>,
  timeout: Option.Option<Duration.Duration>,
): Layer.Layer<Executor.Executor> =>
  Option.match(timeout, {
    onNone: () => executor,
    onSome: (limit) =>
      Layer.unwrapEffect(
        Effect.map(Executors.current, (execute) => Executors.layerWith(Executors.timeout(limit)(execute))),
      ).pipe(Layer.provide(executor)),
  })

/** The shape of a worker key leaves no room for other characters. */
const processKey = Effect.sync(() =>
  `${hostname().replaceAll(/[^a-zA-Z0-9_.:-]/g, "-")}:${process.pid}`.slice(-128),
)

/** Starts a worker, tells what it does until it ends, and drains it when interrupted. */
const work = (
  workerOptions: WorkerOptions.WorkerOptions,
  tell: (fields: Parameters<typeof WorkerLines.toJson>[0]) => Effect.Effect<void>,
): Effect.Effect<never, Worker.WorkerError, Executor.Executor | ControlPlane.ProjectPorts> =>
  Effect.scoped(
    Effect.gen(function* () {
      const life = yield* Scope.make()
      const worker = yield* Scope.extend(Worker.make(workerOptions), life)
      const telling = yield* Effect.forkScoped(Stream.runForEach(worker.events, tell))
      // The drain is told too, so the telling ends after it.
      return yield* Effect.onExit(worker.failed, (exit) =>
        Effect.zipRight(Scope.close(life, exit), Fiber.await(telling)),
      )
    }),
  )

export const command = Command.make(
  "worker",
  options,
  Effect.fnUntraced(function* (parsed) {
    const executor = withTimeout(yield* executorOf(parsed), parsed.timeout)
    const paint = yield* Output.paint
    const tell = (event: Parameters<typeof WorkerLines.toJson>[0]) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        parsed.json
          ? Output.json({ time: new Date(now).toISOString(), ...WorkerLines.toJson(event) })
          : Console.log(
              `${paint("dim", new Date(now).toTimeString().slice(0, 8))}  ${WorkerLines.toText(event, paint)}`,
            ),
      )
    const workerOptions: WorkerOptions.WorkerOptions = {
      implementationKind: parsed.kind,
      workerKey: Option.getOrElse(parsed.key, () => undefined) ?? (yield* processKey),
      displayName: Option.getOrUndefined(parsed.name),
      concurrency: parsed.concurrency,
      agentIds: parsed.agent,
      leaseDuration: parsed.lease,
      drainTimeout: parsed.drainTimeout,
      // The program has its own grace; what ends it needs a moment more.
      interruptGrace: Duration.sum(parsed.grace, "2 seconds"),
    }
    return yield* work(workerOptions, tell).pipe(
      Effect.tapErrorTag("WorkerNotFound", (error) => Effect.logWarning(error.message)),
      Effect.retry({ while: (error) => error._tag === "WorkerNotFound" }),
      Effect.provide(executor),
      Effect.provide(Settings.client(parsed.connection)),
    )
  }),
).pipe(
  Command.withDescription(
    "Claim runs and work on them until SIGTERM, which lets runs finish for a while and hands back the rest. " +
      "Examples: runlease worker --command ./agent.sh; " +
      "runlease worker --command python3 -- agent.py --fast; runlease worker --module ./my-worker.ts --agent echo",
  ),
)
