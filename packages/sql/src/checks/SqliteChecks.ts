/** Whether an SQLite file can be read, whether its volume has room, and whether its -wal file has grown. */
import * as fs from "node:fs"
import * as path from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import { unavailable } from "../dialect/SqlFailure.js"

/** Whether the SQLite file can be read. */
export const readable: HealthCheck.HealthCheck<SqlClient.SqlClient> = {
  name: "file",
  examine: Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql<{ readonly journal_mode: string }>`PRAGMA journal_mode`,
  ).pipe(
    Effect.map(([row]) =>
      row?.journal_mode === "wal"
        ? HealthCheck.ok("The file can be read.")
        : HealthCheck.warn(
            `The file can be read, but its journal is ${row?.journal_mode ?? "unknown"} and not WAL: no server has opened it yet.`,
            "Check that --database names the right file.",
          ),
    ),
    Effect.catchTag("SqlError", (error) =>
      Effect.succeed(
        HealthCheck.fail(
          `${unavailable("read", error).message}.`,
          "If another process has locked it, end that process; if it is damaged, restore a backup.",
        ),
      ),
    ),
  ),
}

/** All in bytes. */
interface Space {
  readonly free: number
  readonly file: number
  readonly wal: number
}

const mebi = 1024 * 1024

const units = [
  ["GiB", 1024 * mebi],
  ["MiB", mebi],
  ["KiB", 1024],
] as const

const size = (bytes: number): string => {
  const [unit, scale] = units.find(([, each]) => bytes >= each) ?? units[2]
  return `${(bytes / scale).toFixed(1)} ${unit}`
}

export const diskFindingOf = ({ file, free, wal }: Space): HealthCheck.Finding => {
  const text = `The database has ${size(file)}, its -wal ${size(wal)}, and its volume has ${size(free)} free.`
  if (free < 64 * mebi) {
    return HealthCheck.fail(
      text,
      "Make room at once: a full disk refuses writes. Then delete old runs: runlease runs prune --older-than 30d.",
    )
  }
  if (wal > 256 * mebi) {
    return HealthCheck.warn(
      text,
      "A read lasts for long and keeps the -wal growing: find the process that reads, such as a copy.",
    )
  }
  if (free < file || free < 1024 * mebi) {
    return HealthCheck.warn(
      text,
      "Make room: a backup needs as much as the database has. Set serve --keep-finished.",
    )
  }
  return HealthCheck.ok(text)
}

const sizeOf = (filename: string): number => fs.statSync(filename, { throwIfNoEntry: false })?.size ?? 0

const spaceOf = (filename: string): Space => {
  const { bavail, bsize } = fs.statfsSync(path.dirname(path.resolve(filename)))
  return { free: bavail * bsize, file: sizeOf(filename), wal: sizeOf(`${filename}-wal`) }
}

export const disk = (filename: string): HealthCheck.HealthCheck => ({
  name: "disk",
  examine: Effect.map(
    Effect.try({ try: () => spaceOf(filename), catch: (error) => error as Error }),
    diskFindingOf,
  ),
})
