/**
 * Checkpoints of an SQLite file on a thread of their own. A checkpoint copies the pages of the -wal into the database and
 * waits for the disk, which takes long and stops the event loop when a commit does it.
 *
 * Source: docs/decisions/0092-checkpoints-on-a-thread.md
 */
import Sqlite from "better-sqlite3"
import { Deferred, Effect, Exit, FiberId, Layer, type Scope } from "effect"
import { createRequire } from "node:module"
import * as path from "node:path"
import { Worker } from "node:worker_threads"
import * as CheckpointProgram from "./CheckpointProgram.js"
import { SqliteHandle } from "./SqliteConnection.js"

/** The number of pages that the -wal gets from one checkpoint to the next: fewer checkpoints write fewer pages. */
export const interval = 4000

/**
 * The number of pages of the -wal at which commits wait for a checkpoint of all of them. A checkpoint that does not wait
 * for the writer never gets to the end of what a busy one writes.
 */
export const maxPages = 16_000

/** Bytes of `maxPages`, each with its header. */
export const maxBytes = maxPages * (4096 + 24)

/** How long a checkpoint waits for a reader, in milliseconds. Commits wait as long. */
const timeoutMillis = 100

/** The megabytes of the thread's heap. */
const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 }

export interface Options {
  readonly filename: string
  readonly synchronous: "normal" | "full"
}

/** What a writer does before and after each commit. */
export interface Checkpoints {
  /** Waits until the -wal has room for a commit. */
  readonly room: Effect.Effect<void>

  /** Looks whether a checkpoint is due, in some 2 µs. To be called after a commit, when no transaction is open. */
  readonly look: () => void
}

/** The path of the driver. A second copy of SQLite in a process would drop the locks of the first one. */
const driverPath = (): string => {
  const require = createRequire(import.meta.url)
  const driver = require.resolve("better-sqlite3")
  if (require(driver) !== Sqlite) throw new Error(`the driver is not ${driver}`)
  return driver
}

/**
 * Has the checkpoints of a connection made on a thread, which starts with the first one and ends with the Scope. When the
 * thread fails, the connection makes them itself, at the end of its commits.
 */
export const make = (
  database: Sqlite.Database,
  { filename, synchronous }: Options,
): Effect.Effect<Checkpoints, never, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = { filename: path.resolve(filename), synchronous, timeoutMillis }
    const size = database.prepare("PRAGMA wal_checkpoint(NOOP)").raw(true)
    const failure = yield* Deferred.make<string>()
    let hasEnded = false
    let thread: Worker | undefined
    let requested: CheckpointProgram.Mode | undefined
    // The pages of the -wal at the last checkpoint.
    let lastPages = 0
    // Commits wait for it.
    let hold: Deferred.Deferred<void> | undefined

    const release = (): void => {
      if (hold !== undefined) Deferred.unsafeDone(hold, Exit.void)
      hold = undefined
    }

    const end = (reason: string): void => {
      if (hasEnded) return
      hasEnded = true
      database.pragma(`wal_autocheckpoint = ${interval}`)
      release()
      Deferred.unsafeDone(failure, Exit.succeed(reason))
    }

    const request = (mode: CheckpointProgram.Mode): void => {
      if (mode === "RESTART") hold ??= Deferred.unsafeMake(FiberId.none)
      requested = mode
      try {
        thread ??= start()
        thread.postMessage(mode, [])
      } catch (error) {
        end(String(error))
      }
    }

    const take = ({ moved, pages }: CheckpointProgram.Answer): void => {
      if (hasEnded) return
      lastPages = pages
      const isNearlyFull = moved === pages && pages >= maxPages - interval
      // What was committed meanwhile is little, so commits wait shortly.
      if (requested === "PASSIVE" && (isNearlyFull || hold !== undefined)) return request("RESTART")
      requested = undefined
      release()
    }

    const start = (): Worker => {
      const started = new Worker(CheckpointProgram.text, {
        eval: true,
        name: "runlease checkpoints",
        workerData: { driver: driverPath(), ...settings } satisfies CheckpointProgram.Settings,
        execArgv: [],
        resourceLimits,
      })
      started.unref()
      started.on("message", take)
      started.on("error", (error) => end(error.message))
      started.on("exit", (code) => end(`the thread ended with code ${code}`))
      return started
    }

    database.pragma("wal_autocheckpoint = 0")
    // What a long read made the -wal grow to is cut off afterwards.
    database.pragma(`journal_size_limit = ${maxBytes}`)
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        hasEnded = true
        release()
        await thread?.terminate()
      }),
    )
    yield* Deferred.await(failure).pipe(
      Effect.flatMap((reason) =>
        Effect.logWarning(`Checkpoints of ${filename} are made on the event loop from now on: ${reason}`),
      ),
      Effect.forkScoped,
    )

    return {
      room: Effect.suspend(() => (hold === undefined ? Effect.void : Deferred.await(hold))),
      look: () => {
        if (hasEnded || hold !== undefined) return
        let pages = lastPages
        try {
          pages = (size.get() as [busy: number, pages: number, moved: number])[1]
        } catch {
          // The commit is done, and the next one says what is wrong with the file.
        }
        // The -wal was begun again.
        if (pages < lastPages) lastPages = 0
        if (pages - lastPages < interval) return
        const isFull = pages >= maxPages
        if (requested === undefined) request(isFull ? "RESTART" : "PASSIVE")
        else if (isFull) hold = Deferred.unsafeMake(FiberId.none)
      },
    }
  })

/** The handle whose transactions leave checkpoints to a thread. */
export const layer = (options: Options) =>
  Layer.scoped(
    SqliteHandle,
    Effect.gen(function* () {
      const handle = yield* SqliteHandle
      const { look, room } = yield* make(handle.database, options)
      const after = Effect.sync(look)
      return {
        ...handle,
        alone: (effect) => Effect.zipRight(room, handle.alone(Effect.zipLeft(effect, after))),
      }
    }),
  )
