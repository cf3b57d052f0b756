/**
 * Whether the volume of an SQLite file has room, and whether its -wal file has grown out of bounds.
 */
import { HealthCheck } from "@runlease/core"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"

/** All in bytes. */
export interface Space {
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

export const findingOf = ({ file, free, wal }: Space): HealthCheck.Finding => {
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

const read = (filename: string): Space => {
  const { bavail, bsize } = fs.statfsSync(path.dirname(path.resolve(filename)))
  return { free: bavail * bsize, file: sizeOf(filename), wal: sizeOf(`${filename}-wal`) }
}

export const check = (filename: string): HealthCheck.HealthCheck => ({
  name: "disk",
  examine: Effect.map(Effect.try({ try: () => read(filename), catch: (error) => error as Error }), findingOf),
})
