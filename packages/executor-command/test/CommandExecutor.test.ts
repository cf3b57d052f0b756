import { AgentEvent, Executor, RequestSnapshot, Run } from "@runlease/core"
import { CommandExecutor } from "@runlease/executor-command"
import { describe, it } from "@effect/vitest"
import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Chunk, Effect, HashMap, Logger, Redacted, Stream } from "effect"
import { access, readdir } from "node:fs/promises"
import { join } from "node:path"
import {
  claimed,
  eventsOf,
  executeBy,
  failureOf,
  fixture,
  folder,
  interrupted,
  messageId,
  sh,
  textOf,
} from "./Programs.js"

describe("a program that succeeds", () => {
  it.live("answers with events to the request on its stdin", () =>
    Effect.gen(function* () {
      const run = claimed()
      const events = yield* eventsOf({ command: fixture("agent.mjs"), format: "events" })
      const request = events[1]!["value"] as Record<string, unknown>
      assertTrue(typeof request["work_dir"] === "string")
      deepStrictEqual(events, [
        AgentEvent.stepStarted("é"),
        AgentEvent.custom("request", {
          run_id: run.runId,
          agent_id: run.agentId,
          conversation_id: run.conversationId,
          attempt: 2,
          lease_epoch: 3,
          snapshot: run.snapshot,
          work_dir: request["work_dir"],
          steps: [],
        }),
        AgentEvent.stepFinished("é"),
        { type: "X_OWN", value: { as: "it is" } },
      ])
    }),
  )

  it.live("answers with text in the message with the run's message id", () =>
    Effect.gen(function* () {
      const executor = yield* Executor.Executor
      const events = yield* Stream.runCollect(executeBy(executor))
      deepStrictEqual(Chunk.toReadonlyArray(events), [
        AgentEvent.textStart(messageId),
        AgentEvent.textContent(messageId, "WHAT IS NEW?\n"),
        AgentEvent.textEnd(messageId),
      ])
    }).pipe(
      Effect.provide(
        CommandExecutor.layerWith({
          command: "awk",
          args: ['BEGIN { print toupper(ENVIRON["RUNLEASE_PROMPT"]) }'],
        }),
      ),
    ),
  )

  it.live("opens a new message after an earlier attempt", () =>
    Effect.gen(function* () {
      const [start] = yield* eventsOf(sh("echo again"), claimed({ latestSequence: Run.Sequence.make(4) }))
      strictEqual(start!.type, "TEXT_MESSAGE_START")
      assertTrue(start!["messageId"] !== messageId)
    }),
  )

  it.live("need not read its stdin, nor keep it open", () =>
    Effect.gen(function* () {
      const run = claimed({ snapshot: RequestSnapshot.fromText("long ".repeat(1_000_000)) })
      strictEqual(yield* textOf(sh("echo no"), run), "no\n")
      strictEqual(yield* textOf(sh("exec <&-; echo closed"), run), "closed\n")
    }),
  )

  it.live("loses no output at its exit, also with a slow reader", () =>
    Effect.gen(function* () {
      const executor = yield* CommandExecutor.make(sh("seq 1 20000"))
      const lines = yield* executeBy(executor).pipe(
        Stream.tap(() => Effect.yieldNow()),
        Stream.filter((event) => event.type === "TEXT_MESSAGE_CONTENT"),
        Stream.runFold("", (all, event) => all + String(event["delta"])),
      )
      strictEqual(lines, Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join(""))
    }),
  )

  it.live("may write no output", () =>
    Effect.gen(function* () {
      deepStrictEqual(yield* eventsOf({ command: "true" }), [])
    }),
  )
})

describe("a program that fails", () => {
  it.live("fails the run by its exit code, with the end of its stderr", () =>
    Effect.gen(function* () {
      const { events, error } = yield* failureOf(sh("echo partial; echo the reason >&2; exit 3"))
      strictEqual(events.length, 3)
      strictEqual(error.code, "exit_3")
      strictEqual(error.retryable, false)
      strictEqual(error.message, "sh exited with code 3; the end of its stderr:\nthe reason")
    }),
  )

  it.live("is retried for the listed exit codes", () =>
    Effect.gen(function* () {
      const temporary = yield* failureOf(sh("exit 75"))
      strictEqual(temporary.error.code, "exit_75")
      strictEqual(temporary.error.retryable, true)
      const own = { ...sh("exit 75"), retryableExitCodes: [1] }
      strictEqual((yield* failureOf(own)).error.retryable, false)
    }),
  )

  it.live("is retried when a signal ended it", () =>
    Effect.gen(function* () {
      const { error } = yield* failureOf(sh("kill -s SEGV $$"))
      strictEqual(error.code, "signal_SIGSEGV")
      strictEqual(error.retryable, true)
    }),
  )

  it.live("fails with advice when it cannot start", () =>
    Effect.gen(function* () {
      const missing = yield* failureOf({ command: "no-such-program-of-runlease" })
      strictEqual(missing.error.code, "command_not_found")
      strictEqual(missing.error.retryable, false)
      assertInclude(missing.error.message, "check that it is installed")
      const plain = yield* failureOf({ command: fixture("plain.txt") })
      strictEqual(plain.error.code, "command_not_executable")
      strictEqual(plain.error.retryable, false)
      assertInclude(plain.error.message, "chmod +x")
      const bad = yield* failureOf({ command: "true", args: ["a\0b"] })
      strictEqual(bad.error.code, "command_not_started")
      strictEqual(bad.error.retryable, false)
    }),
  )

  it.live("reports only the end of a long stderr", () =>
    Effect.gen(function* () {
      const { error } = yield* failureOf(sh("seq 1 20000 >&2; exit 1"))
      assertTrue(error.message.endsWith("19999\n20000"))
      assertTrue(error.message.length < 4300)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))),
  )

  it.live("is ended when it writes a bad event", () =>
    Effect.gen(function* () {
      const { error } = yield* failureOf(sh(`echo '{"type":"RUN_ERROR"}'; exec sleep 1000`))
      strictEqual(error.code, "bad_event")
    }),
  )

  it.live("is ended when it writes too much", () =>
    Effect.gen(function* () {
      const large = yield* failureOf({ command: "yes", maxOutputBytes: 100_000 })
      strictEqual(large.error.code, "output_too_large")
      const long = yield* failureOf({ command: "cat", args: ["/dev/zero"], maxLineBytes: 100_000 })
      strictEqual(long.error.code, "output_line_too_long")
    }),
  )
})

describe("a program with a limit of memory", () => {
  const megabytes = (count: number) => ({
    command: process.execPath,
    args: ["-e", `process.stdout.write(String(Buffer.alloc(${count} * 1024 * 1024, 1).length) + "\\n")`],
    maxMemoryBytes: 400 * 1024 * 1024,
  })

  it.live("works within it, and gets no more", () =>
    Effect.gen(function* () {
      strictEqual(yield* textOf(megabytes(50)), `${50 * 1024 * 1024}\n`)
      const { error, events } = yield* failureOf(megabytes(800))
      deepStrictEqual(events, [])
      assertTrue(error.code.startsWith("exit_") || error.code.startsWith("signal_"))
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))),
  )

  it.live("has its own arguments, its pid, and the failures of one without", () =>
    Effect.gen(function* () {
      const maxMemoryBytes = 64 * 1024 * 1024
      const args = ["$(echo run)", "; echo run", "*", "a\nb"]
      const text = yield* textOf({ command: "printf", args: ["<%s>", ...args], maxMemoryBytes })
      strictEqual(text, args.map((arg) => `<${arg}>`).join(""))
      strictEqual(yield* textOf({ ...sh("ulimit -d"), maxMemoryBytes }), `${64 * 1024}\n`)
      const missing = yield* failureOf({ command: "no-such-program-of-runlease", maxMemoryBytes })
      strictEqual(missing.error.code, "command_not_found")
      const plain = yield* failureOf({ command: fixture("plain.txt"), maxMemoryBytes })
      strictEqual(plain.error.code, "command_not_executable")
    }),
  )
})

describe("the environment of a program", () => {
  it.live("has only those variables of the worker that the options name", () =>
    Effect.gen(function* () {
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          process.env["RUNLEASE_TEST_SECRET"] = "of the worker"
          process.env["RUNLEASE_TEST_PASSED"] = "a, b = c"
        }),
        () =>
          Effect.sync(() => {
            delete process.env["RUNLEASE_TEST_SECRET"]
            delete process.env["RUNLEASE_TEST_PASSED"]
          }),
      )
      const names = (text: string) => text.split("\n").map((line) => line.split("=")[0]!)
      const byDefault = names(yield* textOf({ command: "env" }))
      const allowed = new Set([
        ...CommandExecutor.defaultPassEnv,
        ..."RUN_ID AGENT_ID CONVERSATION_ID ATTEMPT WORK_DIR PROMPT PROCESS_MARK"
          .split(" ")
          .map((name) => `RUNLEASE_${name}`),
        "",
      ])
      deepStrictEqual(
        byDefault.filter((name) => !allowed.has(name)),
        [],
      )
      const chosen = yield* textOf({
        command: "/usr/bin/env",
        passEnv: ["RUNLEASE_TEST_PASSED", "RUNLEASE_TEST_NOT_SET"],
        env: { PLAIN: "p", HIDDEN: Redacted.make("h"), RUNLEASE_RUN_ID: "forged" },
      })
      const lines = chosen.split("\n")
      assertTrue(lines.includes("RUNLEASE_TEST_PASSED=a, b = c"))
      assertTrue(lines.includes("PLAIN=p"))
      assertTrue(lines.includes("HIDDEN=h"))
      assertTrue(lines.includes("RUNLEASE_RUN_ID=run-1"))
      assertTrue(lines.includes("RUNLEASE_ATTEMPT=2"))
      assertTrue(lines.includes("RUNLEASE_AGENT_ID=agent-1"))
      assertTrue(!lines.some((line) => line.startsWith("PATH=") || line.startsWith("RUNLEASE_TEST_NOT_SET")))
    }).pipe(Effect.scoped),
  )

  it.live("has no token of its run where the worker has no server, and the run is handed back", () =>
    Effect.gen(function* () {
      const { error, events } = yield* failureOf({ ...sh("echo begun"), runToken: true })
      deepStrictEqual([error.code, error.handBack, events], ["run_token_unavailable", true, []])
      assertInclude(error.message, "connect the worker by Client.layerWith of @runlease/http")
    }),
  )

  it.live("has no prompt that does not fit into a variable", () =>
    Effect.gen(function* () {
      const show = sh('echo "${RUNLEASE_PROMPT-none}" | wc -c')
      const length = (text: string) =>
        Effect.map(textOf(show, claimed({ snapshot: RequestSnapshot.fromText(text) })), Number)
      strictEqual(yield* length("x".repeat(65_535)), 65_536)
      strictEqual(yield* length("x".repeat(65_536)), 5)
      strictEqual(yield* length("a\0b"), 5)
    }),
  )

  it.live("and its arguments pass no shell", () =>
    Effect.gen(function* () {
      const args = ["$(echo run)", "; echo run", "`echo run`", "*", "a\nb"]
      const text = yield* textOf({ command: "printf", args: ["<%s>", ...args] })
      strictEqual(text, args.map((arg) => `<${arg}>`).join(""))
      const name = "true; echo run"
      strictEqual((yield* failureOf({ command: name })).error.code, "command_not_found")
    }),
  )

  it.live("includes a working folder that is removed afterwards", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const workRoot = join(root, "made", "on demand")
      const script =
        'mkdir -p deep/er; echo x > deep/er/file; pwd; echo "$RUNLEASE_WORK_DIR"; ls -ld . | cut -c1-10'
      const [pwd, variable, mode] = (yield* textOf({ ...sh(script), workRoot })).split("\n")
      strictEqual(pwd, variable)
      strictEqual(mode, "drwx------")
      assertTrue(pwd!.startsWith(workRoot))
      strictEqual((yield* Effect.either(Effect.tryPromise(() => access(pwd!))))._tag, "Left")
      yield* failureOf({ ...sh("touch file; exit 1"), workRoot })
      yield* interrupted({ ...sh("touch file; echo ready; exec sleep 1000"), workRoot })
      deepStrictEqual(yield* Effect.promise(() => readdir(workRoot)), [])
    }).pipe(Effect.scoped),
  )

  it.live("fails the run when no working folder can be made", () =>
    Effect.gen(function* () {
      const { error } = yield* failureOf({ command: "true", workRoot: join(fixture("plain.txt"), "sub") })
      strictEqual(error.code, "work_dir_unavailable")
      strictEqual(error.retryable, true)
    }),
  )
})

describe("stderr", () => {
  it.live("is logged by line under the run, without secrets", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.make(({ annotations, message }) => {
        const runId = HashMap.get(annotations, "run_id")
        logged.push(`${runId._tag === "Some" ? String(runId.value) : "none"}: ${String(message)}`)
      })
      const { error } = yield* failureOf({
        ...sh('echo "the key is $KEY" >&2; echo two >&2; exit 1'),
        env: { KEY: Redacted.make("s3cret") },
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      deepStrictEqual(logged, ["run-1: the key is <redacted>", "run-1: two"])
      assertTrue(error.message.endsWith("the key is <redacted>\ntwo"))
    }),
  )
})
