/**
 * The program of the checkpoint thread. It has a separate connection to the file, and makes one checkpoint for each
 * message.
 *
 * It runs from its text, so that it is there in every bundle, and loads the driver alone.
 */

/** What the program is started with. */
export interface Settings {
  readonly driver: string
  readonly filename: string
  readonly synchronous: "normal" | "full"
  /** How long a checkpoint waits for others that use the file, in milliseconds. */
  readonly timeoutMillis: number
}

/** `PASSIVE` waits for nothing. `RESTART` waits for all others that use the file; then the next commit writes the -wal from its beginning. */
export type Mode = "PASSIVE" | "RESTART"

/**
 * The pages of the -wal at the begin of the checkpoint, and how many of them are in the database at its end. Both are -1
 * where another process made one.
 */
export interface Answer {
  readonly pages: number
  readonly moved: number
}

/** It names nothing outside of itself. */
const program = (): void => {
  const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads")
  const { createRequire } = process.getBuiltinModule("node:module")
  const { driver, filename, synchronous, timeoutMillis } = workerData as Settings

  /** An error of the driver is no Error to another thread, which would not learn its message. */
  const attempt = <A>(use: () => A): A => {
    try {
      return use()
    } catch (cause) {
      throw new Error(String(cause), { cause })
    }
  }

  const open = () => {
    const Sqlite = createRequire(driver)(driver) as typeof import("better-sqlite3")
    const opened = new Sqlite(filename, { fileMustExist: true, timeout: timeoutMillis })
    opened.pragma(`synchronous = ${synchronous}`)
    return opened
  }
  const database = attempt(open)

  const never = new Int32Array(new SharedArrayBuffer(4))
  const checkpoint = (mode: Mode): Answer => {
    const statement = database.prepare(`PRAGMA wal_checkpoint(${mode})`).raw(true)
    const deadline = performance.now() + timeoutMillis
    for (;;) {
      const [, pages, moved] = statement.get() as [busy: number, pages: number, moved: number]
      // SQLite does not wait for a checkpoint of another process, and then has no numbers.
      const isRefused = pages < 0
      if (!isRefused || mode === "PASSIVE" || performance.now() > deadline) return { pages, moved }
      Atomics.wait(never, 0, 0, 5)
    }
  }

  parentPort!.on("message", (mode: Mode) => {
    const answer = attempt(() => checkpoint(mode))
    parentPort!.postMessage(answer, [])
  })
}

const source = program.toString()

/** A compiler that keeps the names of functions calls a function for it, whose name a bundle may have to change. */
const helpers = Array.from(
  new Set(source.match(/\b__name\d*\b/g)),
  (name) => `const ${name} = (named) => named;`,
)

/** The text of the program. */
export const text = `${helpers.join("")}(${source})()`
