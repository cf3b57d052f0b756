import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Guard } from "@runlease/process"
import { Deferred, Duration, Effect, Exit, Fiber, Stream } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import {
  folder,
  interrupted,
  linesOf,
  pidsOf,
  resultOf,
  run,
  sh,
  start,
  uniqueSeconds,
  untilCount,
  untilReady,
} from "./Programs.js"

/** Ignores TERM, with a child, a grandchild in the background and a process in its own session that ignore it too. */
const stubborn = `
trap '' TERM
sleep "$1" &
(sleep "$1" & sleep "$1") &
setsid sleep "$1" &
until [ "$(ps -A -o args= | grep -c "^sleep $1")" -eq 4 ]; do :; done
echo ready
while :; do wait; done
`

describe("when a run is interrupted", () => {
  it.live("TERM reaches the program and its children", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const [time] = yield* Effect.timed(
        interrupted(sh('sleep "$1" & echo ready; wait', seconds)).pipe(Effect.scoped),
      )
      deepStrictEqual(yield* pidsOf(seconds), [])
      assertTrue(Duration.lessThan(time, "4 seconds"))
    }),
  )

  it.live("a program may finish its work within the grace", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "file")
      const script = `trap 'sleep 0.3; echo saved > "$1"; exit 0' TERM; echo ready; while :; do sleep 0.01; done`
      yield* interrupted(sh(script, file))
      strictEqual(yield* Effect.promise(() => readFile(file, "utf8")), "saved\n")
    }).pipe(Effect.scoped),
  )

  it.live("KILL ends processes that ignore TERM, forked or in their own session", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      yield* interrupted({ ...sh(stubborn, seconds), killAfter: "200 millis" })
      deepStrictEqual(yield* pidsOf(seconds), [])
    }).pipe(Effect.scoped),
  )

  it.effect("the system's clock counts, not Effect's", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      yield* interrupted({ ...sh(stubborn, seconds), killAfter: "200 millis" })
      deepStrictEqual(yield* pidsOf(seconds), [])
    }).pipe(Effect.scoped),
  )

  it.live("no process is left when the reader stops early", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      yield* run(sh('sleep "$1" & echo one; echo two; wait', seconds)).pipe(Stream.take(2), Stream.runDrain)
      deepStrictEqual(yield* pidsOf(seconds), [])
    }),
  )
})

describe("when a program exits", () => {
  it.live("its remaining processes are ended", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const options = sh('sleep "$1" & setsid sleep "$1" & echo done', seconds)
      deepStrictEqual(yield* linesOf(options), ["done"])
      deepStrictEqual(yield* pidsOf(seconds), [])
    }),
  )

  it.live("so are processes that left the group and dropped their environment", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const script = 'set -m; env -i sleep "$1" & echo done'
      const lines = yield* linesOf({ command: "bash", args: ["-c", script, "program", seconds] })
      deepStrictEqual(lines, ["done"])
      deepStrictEqual(yield* pidsOf(seconds), [])
    }),
  )

  /** A process in its own session without the environment and the limit. Only the test ends it. */
  const escaped = Effect.acquireRelease(uniqueSeconds, (seconds) =>
    Effect.map(pidsOf(seconds), (pids) => {
      for (const pid of pids) process.kill(pid, "SIGKILL")
    }),
  )
  const escape = "prlimit --pid $$ --locks=1:1; env -i setsid"
  const whenEscaped = `until ps -A -o args= | grep -q "^[^ ]* $1"; do :; done`

  it.live("an escaped process with an open stdout does not delay the run", () =>
    Effect.gen(function* () {
      const seconds = yield* escaped
      const lines = yield* linesOf(sh(`${escape} sleep "$1" & ${whenEscaped}; seq 1 9999`, seconds))
      strictEqual(lines.length, 9999)
      strictEqual((yield* pidsOf(seconds)).length, 1)
    }).pipe(Effect.scoped),
  )

  it.live("nor does one that continues to write", () =>
    Effect.gen(function* () {
      const seconds = yield* escaped
      const script = `${escape} yes "$1 $2" >&2 & ${whenEscaped}; exit 7`
      const { ending } = yield* resultOf(sh(script, seconds, "x".repeat(4000)))
      deepStrictEqual(ending, { code: 7, signal: null })
    }).pipe(Effect.scoped),
  )
})

describe("back-pressure", () => {
  /** The number of bytes that a process has written. */
  const written = (pid: number) =>
    Effect.map(
      Effect.promise(() => readFile(`/proc/${pid}/io`, "utf8")),
      (text) => Number(/^wchar: (\d+)$/m.exec(text)![1]),
    )

  it.live("stops a program that writes faster than it is read", () =>
    Effect.gen(function* () {
      const word = `word-${yield* uniqueSeconds}`
      const first = yield* Deferred.make<void>()
      yield* run({ command: "yes", args: [word] }).pipe(
        Stream.runForEach(() => Effect.zipRight(Deferred.succeed(first, undefined), Effect.never)),
        Effect.forkScoped,
      )
      yield* Deferred.await(first)
      const [pid] = yield* untilCount(word, 1)
      // The program has stopped when ten checks in a row find no new output. `yes` could write gigabytes a second.
      let last = -1
      let still = 0
      const bytes = yield* written(pid!).pipe(
        Effect.delay("10 millis"),
        Effect.tap((now) => {
          still = now === last ? still + 1 : 0
          last = now
        }),
        Effect.repeat({ until: () => still === 10 }),
        Effect.timeout("4 minutes"),
      )
      assertTrue(bytes < 4 * 1024 * 1024, `${bytes} bytes`)
    }).pipe(Effect.scoped),
  )
})

describe("the guard", () => {
  it.live("ends all processes when the worker is killed", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const workRoot = yield* folder
      const program = yield* Effect.promise(() =>
        Bundle.fixture(new URL("fixtures/worker.ts", import.meta.url)),
      )
      const worker = spawn(process.execPath, [program, workRoot, stubborn, seconds], {
        stdio: ["ignore", "pipe", "inherit"],
      })
      const lines = createInterface(worker.stdout)
      yield* Effect.async<void>((resume) => {
        lines.on("line", (line) => line.includes("ready") && resume(Effect.void))
        lines.on("close", () => resume(Effect.dieMessage("the worker ended before its program was ready")))
      })
      assertTrue((yield* pidsOf(seconds)).length >= 5)
      strictEqual((yield* Effect.promise(() => readdir(workRoot))).length, 1)
      const exited = once(worker, "exit")
      worker.kill("SIGKILL")
      yield* Effect.promise(() => exited)
      yield* untilCount(seconds, 0)
      yield* Effect.promise(() => readdir(workRoot)).pipe(
        Effect.delay("20 millis"),
        Effect.repeat({ until: (names) => names.length === 0 }),
        Effect.timeout("4 minutes"),
      )
    }).pipe(Effect.scoped),
  )

  it.live("ends its run when it is killed", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const mark = yield* Deferred.make<string>()
      const ended = yield* Deferred.make<unknown>()
      yield* run(sh('echo "$RUNLEASE_PROCESS_MARK"; sleep "$1"; :', seconds)).pipe(
        Stream.runForEach((line) =>
          typeof line === "string" ? Deferred.succeed(mark, line) : Deferred.succeed(ended, line),
        ),
        Effect.forkScoped,
      )
      const [guard] = yield* untilCount(`RUNLEASE_PROCESS_MARK=${yield* Deferred.await(mark)}`, 1)
      process.kill(guard!, "SIGKILL")
      deepStrictEqual(yield* Deferred.await(ended), { code: null, signal: "SIGKILL" })
      yield* untilCount(seconds, 0)
    }).pipe(Effect.scoped),
  )

  it.live("exits at the end of its run", () =>
    Effect.gen(function* () {
      const [mark] = yield* linesOf(sh('echo "$RUNLEASE_PROCESS_MARK"'))
      deepStrictEqual(yield* pidsOf(mark!), [])
    }),
  )

  it.live("does not end processes of other runs", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const fiber = yield* untilReady(sh('sleep "$1" & echo ready; wait', seconds))
      yield* Effect.forEach(Array.from({ length: 8 }), () => linesOf(sh("sleep 0; echo short")), {
        concurrency: "unbounded",
      })
      strictEqual((yield* pidsOf(`sleep ${seconds}`)).length, 1)
      assertTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      deepStrictEqual(yield* pidsOf(seconds), [])
    }).pipe(Effect.scoped),
  )

  it.live("does not take a scan that failed for one that found nothing", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const mark = `test-${seconds}`
      const path = yield* folder
      const count = join(path, "count")
      const awk = `#!/bin/sh
        echo scan >> ${count}
        [ "$(wc -l < ${count})" -gt 3 ] || exit 2
        PATH=/usr/bin:/bin exec awk "$@"`
      yield* Effect.promise(() => writeFile(join(path, "awk"), awk, { mode: 0o755 }))
      const env = { [Guard.markName]: mark, PATH: process.env["PATH"] }
      spawn("sleep", [seconds], { detached: true, stdio: "ignore", env }).unref()
      yield* untilCount(seconds, 1)
      yield* Effect.scoped(Guard.make({ mark, killAfter: Duration.seconds(5), path }))
      deepStrictEqual(yield* pidsOf(seconds), [])
    }).pipe(Effect.scoped),
  )

  it.live("that starts later ends processes with its mark, and with marks that begin with it", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const mark = `test-${seconds}`
      const start = (value: string) =>
        spawn("sleep", [seconds], {
          detached: true,
          stdio: "ignore",
          env: { [Guard.markName]: value, PATH: process.env["PATH"] },
        })
      for (const value of [mark, `${mark}.1`, "another"]) start(value).unref()
      yield* untilCount(seconds, 3)
      yield* Guard.make({ mark, killAfter: Duration.seconds(5), path: process.env["PATH"] ?? "" }).pipe(
        Effect.scoped,
      )
      const left = yield* pidsOf(seconds)
      strictEqual(left.length, 1)
      process.kill(left[0]!, "SIGKILL")
    }),
  )
})

describe("stdin", () => {
  it.live("stays open for writes until `endInput`", () =>
    Effect.gen(function* () {
      const group = yield* start({ command: "cat" }, { input: undefined })
      yield* group.write("one\n")
      yield* group.write("two\n")
      yield* group.endInput
      const text = yield* group.stdout.pipe(Stream.decodeText(), Stream.mkString)
      strictEqual(text, "one\ntwo\n")
      deepStrictEqual(yield* group.ending, { code: 0, signal: null })
      // The program does not read this, and the write does not wait.
      yield* group.write("three\n")
    }).pipe(Effect.scoped),
  )

  it.live("makes a writer wait while the program does not read", () =>
    Effect.gen(function* () {
      const group = yield* start({ command: "sleep", args: ["1000"] }, { input: undefined })
      const writer = yield* Effect.forkScoped(group.write("x".repeat(4 * 1024 * 1024)))
      strictEqual((yield* Fiber.join(writer).pipe(Effect.timeoutOption("200 millis")))._tag, "None")
      yield* group.end
      yield* Fiber.join(writer)
    }).pipe(Effect.scoped),
  )
})
