/**
 * Runs the command on a terminal of its own, as a person has it.
 */
import { Effect, Stream } from "effect"
import { spawn } from "node:child_process"
import { inject } from "vitest"
import { awaited, type Settings } from "./Processes.js"

/** Runs a command on a pseudo-terminal, connected to its own stdin and stdout. */
const program = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"

/**
 * Runs `runlease` to its end on a terminal. Each of `typed` is a text of the screen, and what a person types when it appears. Gives all
 * that the terminal gets.
 */
export const onTerminal = (
  args: ReadonlyArray<string>,
  { cwd, env }: Settings,
  typed: ReadonlyArray<readonly [appears: string, types: string]> = [],
  colours = false,
) =>
  Effect.gen(function* () {
    const terminal = spawn("python3", ["-c", program, process.execPath, inject("runlease"), ...args], {
      cwd,
      env: {
        PATH: process.env["PATH"]!,
        HOME: cwd,
        ...(colours ? { TERM: "xterm-256color" } : { NO_COLOR: "1" }),
        ...env,
      },
      stdio: ["pipe", "pipe", "inherit"],
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => terminal.kill("SIGKILL")))
    const left = [...typed]
    let stdout = ""
    yield* Stream.fromAsyncIterable(terminal.stdout, (error) => new Error(String(error))).pipe(
      Stream.decodeText(),
      Stream.runForEach((text) =>
        Effect.sync(() => {
          stdout += text
          const [next] = left
          if (next === undefined || !stdout.includes(next[0])) return
          left.shift()
          terminal.stdin.write(next[1])
        }),
      ),
      awaited(Effect.sync(() => `runlease ${args.join(" ")} shows: ${stdout}`)),
    )
    return { stdout }
  }).pipe(Effect.scoped)
