/**
 * The worker of `runlease dev`: a process of its own, which starts again when its module changes.
 */
import { FileSystem, Path } from "@effect/platform"
import { Console, Duration, Effect, type Redacted, Stream } from "effect"
import * as Self from "../self/Self.js"

/** A change of one file often comes as several events. */
const settle = Duration.millis(150)

/** How long a worker has to hand its runs back. */
const killAfter = Duration.seconds(5)

export interface DevWorker {
  readonly url: string
  readonly apiKey: Redacted.Redacted
  /** The arguments of `runlease worker`, without those that name the server. */
  readonly args: ReadonlyArray<string>
  /** The module of the executor, which is watched with the folder that it is in. */
  readonly module: string | undefined
}

/** Changes of sources beside a module or below it. */
const changesOf = (module: string) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const folder = path.dirname(path.resolve(module))
      const isSource = (file: string): boolean => {
        const parts = path.relative(folder, path.resolve(folder, file)).split(path.sep)
        return (
          /\.[cm]?[jt]sx?$|\.json$/.test(file) &&
          !parts.some((part) => part === "node_modules" || part.startsWith("."))
        )
      }
      return fs.watch(folder, { recursive: true }).pipe(
        Stream.filter((event) => isSource(event.path)),
        Stream.debounce(settle),
      )
    }),
  )

/** One process of the worker, until it ends. Its runs are handed back when it is stopped. */
const once = ({ apiKey, args, module, url }: DevWorker) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { group, lines } = yield* Self.start({
        args: ["worker", "--url", url, "--key", "dev", "--take-over", "--drain-timeout", "1s", ...args],
        apiKey,
        killAfter,
      })
      yield* Stream.runForEach(lines, (line) => Console.log(line))
      const { code } = yield* group.ending
      yield* Console.log(
        module === undefined
          ? `The worker has ended with code ${code}.`
          : `The worker has ended with code ${code}. It starts again when ${module} or a file beside it changes.`,
      )
      return code
    }),
  )

/**
 * Runs the worker until it ends for good: without a module, when its process ends; with one, never.
 *
 * Gives the exit code of its process.
 */
export const run = (worker: DevWorker) => {
  const { module } = worker
  if (module === undefined) return once(worker)
  const restart = Effect.as(Console.log(`${module} has changed: starting its worker again`), undefined)
  return Stream.concat(
    Stream.void,
    Stream.mapEffect(changesOf(module), () => restart),
  ).pipe(
    Stream.flatMap(() => Stream.fromEffect(once(worker)), { switch: true }),
    Stream.runDrain,
    Effect.as<number | null>(null),
  )
}
