import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { inject } from "vitest"
import { room, run } from "./Processes.js"

layer(NodeContext.layer, { excludeTestServices: true })("output whose reader has closed it", (it) => {
  it.scoped("ends a worker as SIGTERM does, without a message", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* room
      const piped = spawn(
        "sh",
        ["-c", '"$0" "$1" worker --json --command true | head -n 1', process.execPath, inject("runlease")],
        { cwd, env: { PATH: process.env["PATH"]!, HOME: cwd, ...env }, stdio: ["ignore", "pipe", "pipe"] },
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => piped.kill("SIGKILL")))
      let stderr = ""
      piped.stderr.on("data", (data: Buffer) => {
        stderr += data.toString()
      })
      const closed = Effect.async<void>((resume) => void piped.once("close", () => resume(Effect.void)))
      const ended = yield* Effect.forkScoped(closed)
      // The reader takes the first line and closes the pipe.
      yield* Effect.async<void>((resume) => void piped.stdout.once("data", () => resume(Effect.void)))
      yield* run(["submit", "--agent", "any", "--id", "one", "hello"], { cwd, env })
      yield* ended.await
      expect(stderr).toBe("")
      // The worker ended its run, or handed it back.
      const { stdout } = yield* run(["runs", "get", "one", "--json"], { cwd, env })
      expect(["completed", "pending"]).toContain(JSON.parse(stdout).status)
    }),
  )
})
