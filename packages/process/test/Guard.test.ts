import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { LeaseDeadline } from "@runlease/core/executor"
import { Clock, Effect, Fiber, Stream } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { interrupted, linesOf, pidsOf, sh, start, uniqueSeconds, untilCount, untilReady } from "./Programs.js"

/** A process that belongs to no run. */
const bystander = Effect.acquireRelease(
  Effect.map(uniqueSeconds, (seconds) => spawn("sleep", [seconds], { stdio: "ignore", detached: true })),
  (child) =>
    Effect.promise(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill("SIGKILL")
      await once(child, "exit")
    }),
)

/** A process that changes its name, so that its `stat` seems to have `$2` in its session. It does not end by itself. */
const forger = (name: string) => `printf '${name}' "$2" > /proc/$$/comm; echo ready; sleep "$1"; :`

describe("the name of a program", () => {
  for (const [what, name] of [
    ["a newline", "\\n%s ("],
    ["a newline and a parenthesis", ")\\n%s (a) S"],
    ["parentheses and spaces", "a) %s (b) Z 1"],
  ] as const) {
    it.live(`with ${what} is not read as the line of another process`, () =>
      Effect.gen(function* () {
        const other = yield* bystander
        const seconds = yield* uniqueSeconds
        yield* interrupted(sh(forger(name), seconds, String(other.pid)))
        deepStrictEqual(yield* pidsOf(seconds), [])
        // A second run takes longer than a signal.
        yield* linesOf(sh("echo done"))
        deepStrictEqual([other.exitCode, other.signalCode], [null, null])
      }).pipe(Effect.scoped),
    )
  }
})

/** A daemon in its own session, without a parent. Its title has overwritten its environment. */
const daemon = (before: string) => `
  ${before} perl -MPOSIX -e '
    fork and exit; POSIX::setsid(); fork and exit; open STDOUT, ">", "/dev/null"; open STDERR, ">", "/dev/null";
    my $seconds = shift; $0 = "daemon $seconds " . "x" x 8000; sleep 30000' "$1"
  until ps -A -ww -o args= | grep -q "^daemon $1"; do :; done
  echo ready; wait; sleep "$1"; :`

/** Waits for the guard's second mark on the program. A daemon that starts afterwards inherits it. */
const branded = "until grep -q '^Max file locks  *[0-9]' /proc/$$/limits; do :; done"

describe("a daemon that set its own title", () => {
  it.live("is ended with its run", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const fiber = yield* untilReady(sh(`${branded}; ${daemon("")}`, seconds))
      const [pid] = yield* pidsOf(`daemon ${seconds}`)
      const environ = yield* Effect.promise(() => readFile(`/proc/${pid}/environ`, "utf8"))
      strictEqual(environ.includes("RUNLEASE_PROCESS_MARK"), false)
      yield* Fiber.interrupt(fiber)
      deepStrictEqual(yield* pidsOf(seconds), [])
    }).pipe(Effect.scoped),
  )

  it.live("and dropped its environment is ended when the program exits", () =>
    Effect.gen(function* () {
      const seconds = yield* uniqueSeconds
      const script = `${branded}; ${daemon('env -i PATH="$PATH"').replace(/echo ready[^]*$/, "echo done")}`
      deepStrictEqual(yield* linesOf(sh(script, seconds)), ["done"])
      deepStrictEqual(yield* pidsOf(seconds), [])
    }).pipe(Effect.scoped),
  )
})

/** A lease that ends `millis` from now, with a margin of half a second. `renew` sends another deadline. */
const deadlineIn = (millis: number) =>
  Effect.map(Clock.currentTimeNanos, (now): LeaseDeadline.Deadline => {
    const endsAt = now + BigInt(millis) * 1_000_000n
    return { stopsAt: endsAt - 500_000_000n, endsAt }
  })

describe("the deadline of a lease", () => {
  const stubborn = `trap '' TERM; echo ready; while :; do sleep 0.05; done`

  it.live("ends a program that the worker does not stop, with KILL if it ignores TERM", () =>
    Effect.gen(function* () {
      const token = yield* uniqueSeconds
      const first = yield* deadlineIn(1500)
      const group = yield* start(sh(stubborn, token)).pipe(
        Effect.provideService(LeaseDeadline.LeaseDeadline, {
          follow: (listener) => {
            listener(first)
            return () => {}
          },
        }),
      )
      deepStrictEqual(yield* group.ending, { code: null, signal: "SIGKILL" })
      const late = (yield* Clock.currentTimeNanos) - first.endsAt
      assertTrue(late < 3_000_000_000n, `${late} ns after its end`)
      deepStrictEqual(yield* pidsOf(token), [])
    }).pipe(Effect.scoped),
  )

  it.live("is that of the last renewal", () =>
    Effect.gen(function* () {
      const token = yield* uniqueSeconds
      let renew: (deadline: LeaseDeadline.Deadline) => void = () => {}
      const first = yield* deadlineIn(1000)
      const group = yield* start(sh(stubborn, token)).pipe(
        Effect.provideService(LeaseDeadline.LeaseDeadline, {
          follow: (listener) => {
            renew = listener
            listener(first)
            return () => {}
          },
        }),
      )
      const last = yield* deadlineIn(3000)
      for (let n = 0; n < 100; n += 1) renew(yield* deadlineIn(n % 2 === 0 ? 1000 : 100_000_000))
      renew(last)
      // The timers of earlier deadlines have ended.
      yield* untilCount("sleep 99999.", 0)
      deepStrictEqual(yield* group.ending, { code: null, signal: "SIGKILL" })
      const early = last.stopsAt - (yield* Clock.currentTimeNanos)
      assertTrue(early < 0n, `${early} ns before its time`)
      yield* untilCount(token, 0)
    }).pipe(Effect.scoped),
  )
})

/** A folder with a grep that takes long, as on a busy machine. It writes a line for each of its calls. */
const slowGrep = Effect.acquireRelease(
  Effect.promise(async () => {
    const folder = await mkdtemp(join(tmpdir(), "slow-"))
    const path = process.env["PATH"] ?? ""
    const script = `#!/bin/sh\necho >> ${folder}/calls\nPATH=${path}; sleep 0.4; exec grep "$@"\n`
    await writeFile(join(folder, "grep"), script, { mode: 0o755 })
    return { path: `${folder}:${path}`, calls: join(folder, "calls"), folder }
  }),
  ({ folder }) => Effect.promise(() => rm(folder, { recursive: true })),
)

describe("the grace of a program", () => {
  it.live("is a time, not a number of looks, which take longer on a busy machine", () =>
    Effect.gen(function* () {
      const slow = yield* slowGrep
      const group = yield* start(
        { ...sh("trap '' TERM; echo ready; while :; do sleep 0.05; done"), killAfter: "1 second" },
        { guardPath: slow.path },
      )
      yield* Stream.runHead(group.stdout)
      yield* group.end
      deepStrictEqual(yield* group.ending, { code: null, signal: "SIGKILL" })
      const calls = (yield* Effect.promise(() => readFile(slow.calls, "utf8"))).length
      // A second has room for 2 of them, and 2 come before and after.
      assertTrue(calls <= 8, `${calls} calls`)
    }).pipe(Effect.scoped),
  )
})
