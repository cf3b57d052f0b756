import { AcpExecutor } from "@runlease/executor-acp"
import { Guard } from "@runlease/process"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Duration, Effect, Exit, Fiber, Random } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import {
  claimed,
  conversationId,
  eventsOf,
  failureOf,
  pidsOf,
  ports,
  scripted,
  type Subject,
  textOf,
  until,
  untilText,
} from "./Agents.js"

const lockOf = (subject: Subject) => join(subject.workRoot, ".locks", conversationId)

const has = (subject: Subject, key: string) =>
  Effect.map(subject.notes, (notes) => notes.some((note) => key in note))

/** A line of shell that ignores TERM. Its processes are found by this text. */
const stubborn = Effect.map(Random.nextIntBetween(0, 1_000_000_000), (n) => {
  const loop = `while :; do sleep 1.${n}; done`
  return [`trap '' TERM; ${loop}`, loop] as const
})

describe("an agent whose run is interrupted", () => {
  it.live("gets a cancel, then the end of its stdin, and exits", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [{ say: "ready" }, { hang: true }] })
      const fiber = yield* untilText(subject, "ready")
      assertTrue((yield* subject.alive) > 0)
      assertTrue(existsSync(lockOf(subject)))
      const [time, exit] = yield* Effect.timed(Fiber.interrupt(fiber))
      assertTrue(Exit.isInterrupted(exit))
      assertTrue(Duration.lessThan(time, "5 seconds"))
      strictEqual(yield* subject.alive, 0)
      assertTrue(yield* has(subject, "cancel"))
      assertTrue(yield* has(subject, "closed"))
      assertTrue(!existsSync(lockOf(subject)))
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is killed if it ignores all of that, with the commands that it has started", () =>
    Effect.gen(function* () {
      const [command, loop] = yield* stubborn
      const subject = yield* scripted({
        stubborn: true,
        steps: [{ terminal: { command } }, { say: "ready" }, { hang: true }],
      })
      const fiber = yield* untilText(subject, "ready")
      strictEqual((yield* pidsOf(loop)).length > 0, true)
      yield* Fiber.interrupt(fiber)
      strictEqual(yield* subject.alive, 0)
      yield* until(pidsOf(loop), (pids) => pids.length === 0)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("gets the reply cancelled to its open questions", () =>
    Effect.gen(function* () {
      const permission = { title: "t", kind: "edit", rawInput: { a: 1 } }
      const subject = yield* scripted({ steps: [{ say: "ready" }, { permission }] }, { permission: "ask" })
      yield* Effect.flip(untilText(subject, "never"))
      const answers = (yield* subject.notes).filter((note) => note["method"] === "session/request_permission")
      deepStrictEqual(
        answers.map(({ result }) => result),
        [{ outcome: { outcome: "cancelled" } }],
      )
      strictEqual(yield* subject.alive, 0)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  for (const policy of ["allow", "deny", "ask"] as const) {
    it.live(`gets the reply cancelled to later questions, under ${policy}`, () =>
      Effect.gen(function* () {
        const permission = { title: "t", kind: "edit", rawInput: { a: 1 } }
        const subject = yield* scripted(
          { steps: [{ say: "ready" }, { afterCancel: { permission } }] },
          { permission: policy, cancelGrace: "5 seconds" },
        )
        yield* Fiber.interrupt(yield* untilText(subject, "ready"))
        const answers = (yield* subject.notes).filter(
          (note) => note["method"] === "session/request_permission",
        )
        deepStrictEqual(
          answers.map(({ result }) => result),
          [{ outcome: { outcome: "cancelled" } }],
        )
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("ends at any moment of its start", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [{ hang: true }] })
      for (const state of ["started", "initialize", "new", "prompt"]) {
        const before = (yield* subject.notes).length
        const fiber = yield* Effect.forkScoped(Effect.scoped(Effect.exit(eventsOf(subject))))
        yield* until(subject.notes, (notes) => notes.slice(before).some((note) => state in note))
        yield* Fiber.interrupt(fiber)
        strictEqual(yield* subject.alive, 0)
        assertTrue(!existsSync(lockOf(subject)))
      }
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("a working folder", () => {
  it.live("is used by one run at a time", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [{ say: "ready" }, { hang: true }] })
      const fiber = yield* untilText(subject, "ready")
      const { error } = yield* failureOf(subject)
      strictEqual(error.code, "work_dir_busy")
      strictEqual(error.retryable, true)
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is free for the next run as soon as the agent before it has ended", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [{ say: "ready" }, { hang: true }] })
      const first = yield* untilText(subject, "ready")
      const second = yield* Effect.fork(untilText(subject, "ready"))
      yield* Fiber.interrupt(first)
      yield* Fiber.interrupt(yield* Fiber.join(second))
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

/** A worker process that runs the agent until the agent has sent `ready`. */
const worker = (subject: Subject) =>
  Effect.gen(function* () {
    const program = yield* Effect.promise(() =>
      Bundle.fixture(new URL("fixtures/worker.ts", import.meta.url)),
    )
    const child = spawn(process.execPath, [program, JSON.stringify(subject.options)], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    const lines = createInterface(child.stdout)
    yield* Effect.async<void>((resume) => {
      lines.on("line", (line) => line.includes("ready") && resume(Effect.void))
      lines.on("close", () => resume(Effect.dieMessage("the worker ended before its agent was ready")))
    })
    return child
  })

describe("a worker that is killed", () => {
  const scriptOf = (command: string) => ({
    stubborn: true,
    steps: [{ terminal: { command } }, { say: "ready" }, { hang: true }],
  })

  it.live("leaves no process, and its folder is free for the next", () =>
    Effect.gen(function* () {
      const [command, loop] = yield* stubborn
      const subject = yield* scripted(scriptOf(command))
      const child = yield* worker(subject)
      const exited = once(child, "exit")
      child.kill("SIGKILL")
      yield* Effect.promise(() => exited)
      yield* until(pidsOf(subject.token), (pids) => pids.length === 0)
      yield* until(pidsOf(loop), (pids) => pids.length === 0)
      // The lock of a dead worker does not block the next run.
      const next = yield* untilText(subject, "ready", claimed())
      yield* Fiber.interrupt(next)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("together with its guards leaves processes that the next start ends", () =>
    Effect.gen(function* () {
      const [command, loop] = yield* stubborn
      const subject = yield* scripted(scriptOf(command))
      const child = yield* worker(subject)
      const { mark } = JSON.parse(yield* Effect.promise(() => readFile(lockOf(subject), "utf8")))
      // A guard that looks around has a process of its own for a moment.
      const guards = yield* until(pidsOf(`${Guard.markName}=${mark}`), ({ length }) => length === 2)
      const exited = once(child, "exit")
      child.kill("SIGSTOP")
      for (const guard of guards) process.kill(guard, "SIGKILL")
      child.kill("SIGKILL")
      yield* Effect.promise(() => exited)
      strictEqual((yield* pidsOf(subject.token)).length, 1)

      yield* AcpExecutor.make(subject.options)
      deepStrictEqual(yield* pidsOf(subject.token), [])
      deepStrictEqual(yield* pidsOf(loop), [])
      deepStrictEqual(yield* Effect.promise(() => readdir(join(subject.workRoot, ".locks"))), [])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("an agent that is cancelled", () => {
  it.live("has all of its updates in the log", () =>
    Effect.gen(function* () {
      const texts = Array.from({ length: 500 }, (_, n) => `${n} `)
      const subject = yield* scripted({ steps: texts.map((say) => ({ say })) })
      strictEqual(textOf(yield* eventsOf(subject)), texts.join(""))
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
