/**
 * The worker of `runlease dev`: a separate process, which starts again when its module changes.
 */
import { type FSWatcher, readdirSync, statSync, watch } from "node:fs"
import { join, sep } from "node:path"
import * as Path from "@effect/platform/Path"
import type { ProcessGroup } from "@runlease/process"
import { Console, Duration, Effect, type Redacted, Stream } from "effect"
import type { CommandFailure } from "../output/ExitCode.js"
import * as Self from "../self/Self.js"

const isSource = (name: string): boolean => /\.[cm]?[jt]sx?$|\.json$/.test(name)

const isLeftOut = (name: string): boolean => name === "node_modules" || name.startsWith(".")

/** Watches each folder by itself. A folder that comes later is watched too. */
const watchers = (root: string, changed: (path: string) => void) => {
  const watched = new Map<string, FSWatcher>()
  const remove = (folder: string) => {
    for (const [path, watcher] of watched) {
      if (path !== folder && !path.startsWith(folder + sep)) continue
      watched.delete(path)
      watcher.close()
    }
  }
  const onEvent = (folder: string, name: string | null) => {
    if (name === null || isLeftOut(name)) return
    const path = join(folder, name)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() === true) add(path, true)
    else if (isSource(name)) changed(path)
    else if (found === undefined) remove(path)
  }
  /** `isNew`: its sources are changes themselves. */
  const add = (folder: string, isNew: boolean) => {
    if (watched.has(folder)) return
    try {
      const watcher = watch(folder, (_, name) => onEvent(folder, name))
      watched.set(folder, watcher)
      watcher.on("error", () => remove(folder))
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (isLeftOut(entry.name)) continue
        if (entry.isDirectory()) add(join(folder, entry.name), isNew)
        else if (isNew && isSource(entry.name)) changed(join(folder, entry.name))
      }
    } catch {
      // The folder is gone again.
      remove(folder)
    }
  }
  add(root, false)
  return () => remove(root)
}

/**
 * The paths of sources that change, as they change. Those of dependencies and of hidden folders are left out: to watch these costs more
 * than all the rest.
 */
const below = (root: string): Stream.Stream<string> =>
  Stream.asyncPush<string>((emit) =>
    Effect.acquireRelease(
      Effect.sync(() => watchers(root, (path) => void emit.single(path))),
      (close) => Effect.sync(close),
    ),
  )

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
      below(path.dirname(path.resolve(module))).pipe(
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
