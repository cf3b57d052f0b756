import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { folder, has, json, refuseToWork, room, run, start, write } from "./Processes.js"

const script = Effect.fnUntraced(function* (cwd: string, name: string, mode = 0o755) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.chmod(yield* write(cwd, name, '#!/bin/sh\necho "$RUNLEASE_PROMPT"\n'), mode)
})

layer(NodeContext.layer, { excludeTestServices: true })("the program of a worker", (it) => {
  it.scoped("is looked up before the worker claims a run", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      yield* script(cwd, "agent.sh")
      yield* script(cwd, "plain.sh", 0o644)
      const env = { RUNLEASE_API_KEY: "rlk_0123456789abcdef" }
      const refusals = [
        [["--command", "agnet"], "PATH has no such program"],
        [["--command", "agent.sh"], "The one in this folder is named ./agent.sh"],
        [["--command", "./agnet.sh"], "relative to this folder"],
        [["--command", "./plain.sh"], "chmod +x ./plain.sh"],
        [["--command", "python3 agent.py"], "--command python3 -- agent.py"],
        [["--command", "sh", "--env", "PATH=/nowhere"], "PATH has no such program"],
        [["--acp", "agnet acp"], '--acp: Cannot start "agnet"'],
      ] as const
      yield* refuseToWork(refusals, 69, { cwd, env })
    }),
  )

  it.scoped("may disappear: its runs are handed back, not failed, and go on when it is back", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { cwd, env } = yield* room
      const settings = { cwd, env }
      yield* script(cwd, "agent.sh")
      const worker = yield* start(["worker", "--json", "--command", "./agent.sh"], settings)
      yield* worker.line(has({ event: "registered" }))
      yield* fs.remove(`${cwd}/agent.sh`)
      yield* run(["submit", "--agent", "a", "--id", "one", "--max-attempts", "1", "hello"], settings)
      const released = json(yield* worker.line(has({ event: "released", run_id: "one" })))
      expect(released).toMatchObject({ error: { code: "command_not_found" } })
      yield* script(cwd, "agent.sh")
      const { code, stdout } = yield* run(["watch", "one"], settings)
      expect(stdout).toContain("hello")
      expect(code).toBe(0)
    }),
  )
})
