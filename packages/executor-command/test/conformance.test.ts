import { CommandExecutor } from "@runlease/executor-command"
import { Ids } from "@runlease/core"
import { ExecutorSuite } from "@runlease/testkit"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll } from "vitest"
import { fixture, folder } from "./Programs.js"

const workRoot = join(tmpdir(), `runlease-conformance-${process.pid}`)
afterAll(() => rm(workRoot, { recursive: true, force: true }))

/** The number of entries of a folder. 0 if it does not exist. */
const count = (path: string) =>
  Effect.promise(() =>
    readdir(path).then(
      ({ length }) => length,
      () => 0,
    ),
  )

/** The number of processes with `token` in their command line. */
const processes = (token: string) =>
  Effect.map(
    Effect.promise(() => promisify(execFile)("ps", ["-A", "-ww", "-o", "args="])),
    ({ stdout }) => stdout.split("\n").filter((line) => line.includes(token)).length,
  )

ExecutorSuite.suite(
  "a program",
  (behaviour) =>
    Effect.gen(function* () {
      const counter = join(yield* folder, "produced")
      const token = yield* Ids.uuidV7
      const executor = yield* CommandExecutor.make({
        command: process.execPath,
        args: [fixture("peer.mjs"), JSON.stringify(behaviour), token],
        env: { PRODUCED: counter },
        format: "events",
        killAfter: "200 millis",
        workRoot,
        maxOutputBytes: Number.MAX_SAFE_INTEGER,
      })
      return {
        execute: executor.execute,
        produced: Effect.promise(() => readFile(counter, "utf8").then(Number, () => 0)),
        alive: processes(token),
      }
    }),
  { "open descriptors": count("/proc/self/fd"), "working folders": count(workRoot) },
)
