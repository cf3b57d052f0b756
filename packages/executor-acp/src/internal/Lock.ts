/**
 * Who uses a working folder, written in a file beside it.
 *
 * A lock names the process that holds it and the mark of what that process has started. One whose holder is dead is
 * taken over, after all that carries the mark has been ended. A holder on another machine cannot be looked at: it keeps
 * its lock by touching it.
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
    /** When that process started, in the kernel's own count; empty where there is no /proc. */
    start: Schema.String,
    mark: Schema.String,
  }),
)
type Holder = typeof Holder.Type

export interface Options {
  /** Where the locks are. */
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
  // The name of the program, in parentheses, may hold anything; the start is the 20th field after it.
  Effect.map(read(`/proc/${pid}/stat`), (text) => text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "")

const here = Effect.gen(function* () {
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
    const self = yield* here
    if (holder.host !== self.host) {
      const touched = yield* Effect.option(Effect.tryPromise(() => stat(path)))
      const age =
        (yield* Clock.currentTimeMillis) -
        Option.match(touched, { onNone: () => 0, onSome: (s) => s.mtimeMs })
      return age < Duration.toMillis(staleAfter)
    }
    if (holder.boot !== self.boot || !(yield* exists(holder.pid))) return false
    return holder.start === (yield* startOf(holder.pid))
  })

class Busy extends Schema.TaggedError<Busy>()("Busy", {}) {}

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

/** Ends what a dead holder left and removes its lock. */
const reap = (options: Options, path: string, text: string, holder: Holder) =>
  Effect.gen(function* () {
    yield* Effect.logWarning(`Ending what process ${holder.pid} left behind`)
    yield* Effect.scoped(
      Guard.make({ mark: holder.mark, killAfter: options.killAfter, path: options.guardPath }),
    )
    // Whoever moves the lock is the one to remove it; one that was taken anew meanwhile goes back.
    const moved = `${path}.${yield* Ids.uuidV7}`
    yield* fs(() => rename(path, moved))
    if ((yield* read(moved)) !== text) yield* Effect.ignore(fs(() => link(moved, path)))
    yield* fs(() => rm(moved, { force: true }))
  })

/** Takes over from a dead holder; fails with `Busy` where there is one alive. */
const free = (options: Options, path: string) =>
  Effect.gen(function* () {
    const text = yield* read(path)
    const holder = Schema.decodeUnknownOption(Holder)(text)
    if (Option.isSome(holder)) {
      if (yield* isAlive(path, holder.value)) return yield* new Busy()
      yield* reap(options, path, text, holder.value)
    } else if (text !== "") {
      yield* fs(() => rm(path, { force: true }))
    }
  })

/** A name that this call alone uses, since a lock appears with all that it says or not at all. */
const take = (options: Options, path: string, mark: string) =>
  Effect.gen(function* () {
    const text = yield* Schema.encode(Holder)({ ...(yield* here), mark })
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
 * Holds the lock `name` for as long as the scope is open. A holder that is about to end is waited for.
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
    let held = false
    yield* Effect.addFinalizer(() =>
      held ? Effect.ignore(fs(() => rm(path, { force: true }))) : Effect.void,
    )
    const taking = Effect.zipRight(
      take(options, path, mark),
      Effect.sync(() => {
        held = true
      }),
    )
    yield* Effect.uninterruptible(taking).pipe(
      Effect.mapError((error): Busy | Executor.ExecutorError => {
        const { code } = error as NodeJS.ErrnoException
        if (error instanceof Busy || code === "EEXIST" || code === "ENOENT") return new Busy()
        return error instanceof Executor.ExecutorError ? error : unavailable(error)
      }),
      Effect.retry({
        while: (error) => error instanceof Busy,
        schedule: Schedule.spaced("100 millis").pipe(Schedule.upTo(patience)),
      }),
      Effect.mapError((error) =>
        error instanceof Busy
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

/** Ends what dead holders have left behind, of every lock that is there. */
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
