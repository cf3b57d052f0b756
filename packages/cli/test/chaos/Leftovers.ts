/**
 * Finds the processes that somebody left behind.
 */
import { Clock, Effect } from "effect"
import { execFileSync } from "node:child_process"

/** Processes that name `folder` in their command or their environment; this one, and zombies, do not count. */
const naming = (folder: string): ReadonlyArray<string> =>
  execFileSync("ps", ["axeww", "-o", "pid=,stat=,command="], { encoding: "utf8", maxBuffer: 1 << 28 })
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => {
      const [pid, stat] = line.split(/\s+/)
      return line.includes(folder) && Number(pid) !== process.pid && stat?.startsWith("Z") === false
    })

/** What the guard of a program may take after its worker has ended, in milliseconds. */
const patience = 15_000

/** Waits until no process of the folder is there any more, and gives those that stay. */
export const find = (folder: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const until = (yield* Clock.currentTimeMillis) + patience
    let left = naming(folder)
    while (left.length > 0 && (yield* Clock.currentTimeMillis) < until) {
      yield* Effect.sleep("250 millis")
      left = naming(folder)
    }
    return left.map((line) => line.slice(0, 200))
  })
