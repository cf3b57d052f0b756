/**
 * Locks a working folder with a file next to it.
 *
 * A lock names the process that holds it and the mark of the processes that this one started. When the holder is dead,
 * another process ends all processes with the mark and takes the lock. A process cannot check a holder on another machine,
 * so each holder touches its lock at intervals.
 */
import { Executor, Ids } from "@runlease/core"
import { Guard } from "@runlease/process"
import { Clock, Duration, Effect, Option, Schedule, Schema, type Scope } from "effect"
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { join } from "node:path"
import * as Failure from "./Failure.js"

const Holder = Schema.parseJson(
  Schema.Struct({
    host: Schema.String,
    boot: Schema.String,
    pid: Schema.Int,
    /** The start time of that process, in the kernel's ticks. Empty without /proc. */
    start: Schema.String,
    mark: Schema.String,
  }),
)
type Holder = typeof Holder.Type

export interface Options {
  readonly folder: string
  readonly killAfter: Duration.Duration
  readonly guardPath: string
}

const touchEvery = Duration.seconds(10)
const staleAfter = Duration.minutes(1)
const patience = Duration.seconds(15)

const read = (path: string): Effect.Effect<string> =>
  Effect.orElseSucceed(
    Effect.tryPromise(() => readFile(path, "utf8")),
    () => "",
  )

const startOf = (pid: number): Effect.Effect<string> =>
  // The program's name is in parentheses and may contain any character. The start is the 20th field after it.
  Effect.map(read(`/proc/${pid}/stat`), (text) => text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "")

const self = Effect.gen(function* () {
  const boot = yield* read("/proc/sys/kernel/random/boot_id")
  return { host: hostname(), boot: boot.trim(), pid: process.pid, start: yield* startOf(process.pid) }
})

const exists = (pid: number): Effect.Effect<boolean> =>
  Effect.try(() => process.kill(pid, 0)).pipe(
    Effect.as(true),
    Effect.catchAll(({ error }) => Effect.succeed((error as NodeJS.ErrnoException).code === "EPERM")),
  )

const isAlive = (path: string, holder: Holder): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const own = yield* self
    if (holder.host !== own.host) {
      const touched = yield* Effect.option(Effect.tryPromise(() => stat(path)))
      const age =
        (yield* Clock.currentTimeMillis) -
        Option.match(touched, { onNone: () => 0, onSome: (s) => s.mtimeMs })
      return age < Duration.toMillis(staleAfter)
    }
    if (holder.boot !== own.boot || !(yield* exists(holder.pid))) return false
    return holder.start === (yield* startOf(holder.pid))
  })

class LockBusy extends Schema.TaggedError<LockBusy>()("LockBusy", {}) {}

const unavailable = (cause: unknown) =>
  Failure.of(
    "work_dir_unavailable",
    "Cannot lock the working folder: check that its root is writable and not full",
    {
      retryable: true,
      cause,
    },
  )

const fs = <A>(run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: (error) => error })

/** Ends the processes of a dead holder and removes its lock. */
const reap = (options: Options, path: string, text: string, holder: Holder) =>
  Effect.gen(function* () {
    yield* Effect.logWarning(`Ending the processes that process ${holder.pid} left running`)
    yield* Effect.scoped(
      Guard.make({ mark: holder.mark, killAfter: options.killAfter, path: options.guardPath }),
    )
    // The process that moves the lock removes it. A lock that was acquired in the meantime goes back.
    const moved = `${path}.${yield* Ids.uuidV7}`
    yield* fs(() => rename(path, moved))
    if ((yield* read(moved)) !== text) yield* Effect.ignore(fs(() => link(moved, path)))
    yield* fs(() => rm(moved, { force: true }))
  })

/** Frees the lock of a dead holder. Fails with `LockBusy` if the holder is alive. */
const free = (options: Options, path: string) =>
  Effect.gen(function* () {
    const text = yield* read(path)
    const holder = Schema.decodeUnknownOption(Holder)(text)
    if (Option.isSome(holder)) {
      if (yield* isAlive(path, holder.value)) return yield* new LockBusy()
      yield* reap(options, path, text, holder.value)
    } else if (text !== "") {
      yield* fs(() => rm(path, { force: true }))
    }
  })

/** Takes the lock. A link from a temporary file makes the lock appear with its whole content. */
const take = (options: Options, path: string, mark: string) =>
  Effect.gen(function* () {
    const text = yield* Schema.encode(Holder)({ ...(yield* self), mark })
    const own = `${path}.${yield* Ids.uuidV7}`
    const linked = fs(() => writeFile(own, text)).pipe(
      Effect.zipRight(fs(() => link(own, path))),
      Effect.ensuring(Effect.ignore(fs(() => rm(own, { force: true })))),
    )
    yield* Effect.catchIf(
      linked,
      (error) => (error as NodeJS.ErrnoException).code === "EEXIST",
      () => Effect.zipRight(free(options, path), linked),
    )
  })

/**
 * Holds the lock `name` until the Scope closes. Waits up to 15 seconds for another holder to end.
 *
 * Fails: `work_dir_busy` and `work_dir_unavailable`, both retryable.
 */
export const hold = (
  options: Options,
  name: string,
  mark: string,
): Effect.Effect<void, Executor.ExecutorError, Scope.Scope> =>
  Effect.gen(function* () {
    const path = join(options.folder, name)
    yield* Effect.mapError(
      fs(() => mkdir(options.folder, { recursive: true })),
      unavailable,
    )
    let acquired = false
    yield* Effect.addFinalizer(() =>
      acquired ? Effect.ignore(fs(() => rm(path, { force: true }))) : Effect.void,
    )
    const taking = Effect.zipRight(
      take(options, path, mark),
      Effect.sync(() => {
        acquired = true
      }),
    )
    yield* Effect.uninterruptible(taking).pipe(
      Effect.mapError((error): LockBusy | Executor.ExecutorError => {
        const { code } = error as NodeJS.ErrnoException
        if (error instanceof LockBusy || code === "EEXIST" || code === "ENOENT") return new LockBusy()
        return error instanceof Executor.ExecutorError ? error : unavailable(error)
      }),
      Effect.retry({
        while: (error) => error instanceof LockBusy,
        schedule: Schedule.spaced("100 millis").pipe(Schedule.upTo(patience)),
      }),
      Effect.mapError((error) =>
        error instanceof LockBusy
          ? Failure.of("work_dir_busy", `Another run uses the working folder; ${path} says which process`, {
              retryable: true,
            })
          : error,
      ),
    )
    const touch = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.ignore(fs(() => utimes(path, now / 1000, now / 1000))),
    )
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(touchEvery), touch)))
  })

/** Frees all locks of dead holders, and ends the processes that these left running. */
export const reapAll = (options: Options): Effect.Effect<void> =>
  Effect.gen(function* () {
    const names = yield* Effect.orElseSucceed(
      fs(() => readdir(options.folder)),
      (): Array<string> => [],
    )
    yield* Effect.forEach(names, (name) => Effect.ignoreLogged(free(options, join(options.folder, name))), {
      concurrency: 8,
      discard: true,
    })
  })
