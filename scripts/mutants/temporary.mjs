// A temporary folder of this process, which has all that a run writes, and goes with the process.
import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const temporary = realpathSync(mkdtempSync(join(tmpdir(), "runlease-mutants-")))

// The server of PostgreSQL may run as another user.
chmodSync(temporary, 0o755)

/** A new folder within. */
export const makeFolder = (name) => {
  const folder = mkdtempSync(join(temporary, `${name}-`))
  chmodSync(folder, 0o755)
  return folder
}

export const kill = (pid) => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended.
  }
}

/** The processes that run now. A negative number is a process group. */
export const running = new Set()

export const remove = (folder) =>
  // A process that is killed may write for a moment more.
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })

process.on("exit", () => {
  for (const pid of running) kill(pid)
  remove(temporary)
})

// A terminal and a package manager may send one each: the second must not end what the first one began.
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1))
