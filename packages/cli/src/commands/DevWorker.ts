/**
 * The worker of `runlease dev`: a separate process, which starts again when its module changes.
 */
import * as Path from "@effect/platform/Path"
import type { ProcessGroup } from "@runlease/process"
import { Console, Duration, Effect, type Redacted, Stream } from "effect"
import type { CommandFailure } from "../output/ExitCode.js"
import * as Self from "../self/Self.js"
import * as SourceChanges from "./SourceChanges.js"

/** A change of one file often comes as several events. */
const settle = Duration.millis(150)

/** How long a worker that a signal has ended stays away. */
const again = Duration.seconds(1)

/** How long a worker has to hand its runs back. */
const killAfter = Duration.seconds(5)

export interface DevWorker {
  readonly url: string
  readonly apiKey: Redacted.Redacted
  /** The arguments of `runlease worker`, without those that name the server. */
  readonly args: ReadonlyArray<string>
  /** The module of the executor, which is watched with the folder that it is in. */
  readonly module: string | undefined
  /** Waits until the server has printed where it is. What the worker writes comes below that. */
  readonly whenServed: Effect.Effect<unknown>
  /** What is done when the worker waits for runs. */
  readonly whenReady: Effect.Effect<void, CommandFailure>
}

/** A worker that starts again hands its runs back soon, unless the command line says otherwise. */
const drainTimeout = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.some((arg) => /^--drain-timeout(=|$)/.test(arg)) ? [] : ["--drain-timeout", "1s"]

/** The line of a worker that waits for runs. */
const isReady = (line: string): boolean => / {2}Worker .+ waits for runs$/.test(line)

const lineOf = ({ code, signal }: ProcessGroup.Ending, module: string | undefined): string => {
  if (signal !== null) return `The worker was ended by ${signal}: starting it again`
  const ended = `The worker has ended with code ${code}.`
  return module === undefined
    ? ended
    : `${ended} It starts again when ${module} or a file next to it changes.`
}

/** One process of the worker, until it ends. Its runs are handed back when it is stopped. */
const once = ({ apiKey, args, module, url, whenReady, whenServed }: DevWorker) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { group, lines } = yield* Self.start({
        args: ["worker", "--url", url, "--key", "dev", "--take-over", ...drainTimeout(args), ...args],
        apiKey,
        killAfter,
      })
      yield* whenServed
      yield* Stream.runForEach(lines, (line) =>
        Effect.zipRight(Console.log(line), isReady(line) ? whenReady : Effect.void),
      )
      const ending = yield* group.ending
      yield* Console.log(lineOf(ending, module))
      return ending
    }),
  )

/** As `once`, and again where a signal has ended the process, as a person's `kill` or the system short of memory does. */
const untilExit = (worker: DevWorker) =>
  once(worker).pipe(
    Effect.tap(({ signal }) => Effect.when(Effect.sleep(again), () => signal !== null)),
    Effect.repeat({ while: ({ signal }) => signal !== null }),
    Effect.map(({ code }) => code),
  )

/**
 * Runs the worker until it ends for good: without a module, when its process ends; with one, never.
 *
 * Returns the exit code of its process.
 */
export const run = (worker: DevWorker) => {
  const { module } = worker
  if (module === undefined) return untilExit(worker)
  const changes = Stream.unwrap(
    Effect.map(Path.Path, (path) =>
      SourceChanges.below(path.dirname(path.resolve(module))).pipe(
        Stream.map((changed) => path.relative(path.resolve(), changed)),
      ),
    ),
  )
  return Stream.concat(
    Stream.void,
    Stream.mapEffect(Stream.debounce(changes, settle), (changed) =>
      Console.log(`${changed} has changed: starting the worker again`),
    ),
  ).pipe(
    Stream.flatMap(() => Stream.fromEffect(untilExit(worker)), { switch: true }),
    Stream.runDrain,
    Effect.as<number | null>(null),
  )
}
